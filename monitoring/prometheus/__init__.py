"""What is measured, for Prometheus: docs/monitoring-prometheus.md says it to operators."""
