"""What is asked and told by the clock."""

from celery import shared_task


@shared_task
def look_at_feast() -> None:
    """Tell how old the features are that Feast holds."""
    from neighbours.feast.watch import look

    look()
