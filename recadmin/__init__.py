"""The project: settings, addresses, processes and roles."""

from recadmin.celery import app as celery_app

__all__ = ["celery_app"]
