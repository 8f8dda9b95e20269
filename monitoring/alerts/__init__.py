"""Alerts: what is wrong, since when, who is told and how: docs/alerts.md says it to operators."""
