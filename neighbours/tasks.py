"""What is asked and told by the clock."""

from celery import shared_task
from django.utils import timezone


@shared_task
def mirror_to_mlflow() -> None:
    """Tell MLflow of versions that it does not know, and what is live."""
    from neighbours.mlflow.mirror import mirror

    mirror(timezone.now())


@shared_task
def tell_openlineage() -> None:
    """Send events of runs that have moved."""
    from neighbours.lineage.tell import tell_lineage

    tell_lineage(timezone.now())


@shared_task
def look_at_feast() -> None:
    """Tell how old the features are that Feast holds."""
    from neighbours.feast.watch import look

    look()
