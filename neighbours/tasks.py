"""Celery's entry points."""

from celery import shared_task
from django.utils import timezone

from neighbours.lineage.tell import tell_lineage
from neighbours.mlflow.mirror import mirror


@shared_task
def mirror_to_mlflow() -> None:
    """Tell MLflow of versions that it does not know, and what is live."""
    mirror(timezone.now())


@shared_task
def tell_openlineage() -> None:
    """Send events of runs that have moved."""
    tell_lineage(timezone.now())
