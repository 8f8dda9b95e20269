"""MLflow: versions are mirrored to its tracking server, and imported from its model registry."""
