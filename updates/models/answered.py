"""How much something has answered while it was served."""

from django.db import models


class Answered(models.Model):
    """Counts that all processes add to: see ``updates.serving.counts``."""

    scored_requests = models.PositiveBigIntegerField(default=0)
    scored_rows = models.PositiveBigIntegerField(default=0)
    stale_requests = models.PositiveBigIntegerField(
        default=0,
        db_default=0,
        help_text="Requests for which it was beyond objective and grace while samples waited.",
    )
    scored_users = models.PositiveBigIntegerField(
        null=True, help_text="Users answered, within 1 %; empty where no request named one."
    )

    class Meta:
        abstract = True
