"""The audit trail: ``record`` writes a change down, the receivers say which changes are."""
