"""OpenLineage: runs are told to a lineage backend as they begin and end."""
