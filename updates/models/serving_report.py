"""What each serving process serves, so that one that lags or refuses an artifact is seen."""

from datetime import datetime, timedelta
from typing import Self

from django.db import models

from updates.models.recommender import Recommender
from updates.models.version import ModelVersion

# A process that reported less than this ago is running; an older report is of one that has ended.
REPORT_COUNTS = timedelta(seconds=60)
# A running process sees once a second whether it has everything; longer than this is a failure.
SYNC_MAY_TAKE = timedelta(seconds=5)
# Longer ago than this nobody asks any more how a process ended.
REPORT_KEPT = timedelta(hours=1)


class SyncState(models.TextChoices):
    """Of a serving process with what online learning sends."""

    SYNCED = "synced", "has everything that was sent to serving"
    STARTING = "starting", "has begun to follow, and not had everything yet"
    FROZEN = "frozen", "serves the live version while publishing is frozen"
    FAILING = "failing", "does not receive, or cannot apply, what is sent to serving"
    GONE = "gone", "has not reported for a minute: it has ended"
    NONE = "none", "follows no online learning"


class ReportQuerySet(models.QuerySet):
    """Reports of all processes there ever were."""

    def running(self, now: datetime) -> Self:
        """Of processes that run at that time."""
        return self.filter(reported_at__gte=now - REPORT_COUNTS)

    def long_gone(self, now: datetime) -> Self:
        """Of processes that ended so long before that time that they can be forgotten."""
        return self.filter(reported_at__lt=now - REPORT_KEPT)


class ServingReport(models.Model):
    recommender = models.ForeignKey(
        Recommender, on_delete=models.CASCADE, related_name="serving_reports"
    )
    process = models.CharField(max_length=120, help_text="host:pid")
    wanted = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="+")
    served = models.ForeignKey(ModelVersion, null=True, on_delete=models.CASCADE, related_name="+")
    error = models.TextField(blank=True, help_text="Why the wanted version is not served.")
    offset = models.PositiveBigIntegerField(
        null=True, help_text="Last offset that the served weights have learned."
    )
    watermark = models.DateTimeField(
        null=True, help_text="Newest event time that the served weights have learned."
    )
    sequence = models.PositiveBigIntegerField(
        null=True, help_text="Number of the newest delta applied; empty where none was."
    )
    gaps_healed = models.PositiveIntegerField(
        default=0, help_text="How often it missed deltas and caught up from a checkpoint."
    )
    followed_at = models.DateTimeField(
        null=True, help_text="Since when it follows online learning; empty where it does not."
    )
    synced_at = models.DateTimeField(
        null=True, help_text="When it last had everything that had been sent to serving."
    )
    reported_at = models.DateTimeField()

    objects = ReportQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["recommender", "process"], name="one_report_a_serving_process"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.process} serves {self.served}"

    def sync_state(self, now: datetime, *, frozen: bool) -> SyncState:
        """Whether it follows what is sent to serving. ``frozen`` : whether nothing is sent."""
        if self.reported_at < now - REPORT_COUNTS:
            return SyncState.GONE
        if self.followed_at is None:
            return SyncState.NONE
        if frozen:
            return SyncState.FROZEN
        if self.out_of_sync:
            return SyncState.FAILING
        return SyncState.SYNCED if self.synced_at else SyncState.STARTING

    @property
    def out_of_sync(self) -> bool:
        """Whether it had not had everything that was sent to serving for long when it reported."""
        behind_since = self.behind_since
        return behind_since is not None and self.reported_at - behind_since > SYNC_MAY_TAKE

    @property
    def behind_since(self) -> datetime | None:
        """From when on it is not known to have everything; None where it follows nothing."""
        if self.followed_at is None:
            return None
        return max(self.followed_at, self.synced_at or self.followed_at)
