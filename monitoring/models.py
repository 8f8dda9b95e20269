"""What is measured over time."""

from django.db import models
from django.db.models import Q

from monitoring.alerts.channels import AlertChannel, Notification
from monitoring.alerts.models import Alert, AlertTransition, Silence
from updates.models import Recommender, UpdatePolicy


class Series(models.Model):
    """One measurement of one recommender over time."""

    recommender = models.ForeignKey(Recommender, on_delete=models.CASCADE, related_name="series")
    name = models.CharField(max_length=60)
    policy = models.ForeignKey(
        UpdatePolicy,
        null=True,
        on_delete=models.CASCADE,
        related_name="series",
        help_text="Of which policy, for measurements kept by policy.",
    )

    component = models.CharField(
        max_length=60,
        blank=True,
        default="",
        help_text="Of which component, for measurements kept by component.",
    )

    class Meta:
        verbose_name_plural = "series"
        constraints = [
            models.UniqueConstraint(
                fields=["recommender", "name", "component"],
                condition=Q(policy=None),
                name="one_series_a_measurement",
            ),
            models.UniqueConstraint(
                fields=["policy", "name"], name="one_series_a_measurement_of_a_policy"
            ),
        ]

    def __str__(self) -> str:
        policy = f" of policy {self.policy_id}" if self.policy_id else ""
        return f"{self.recommender_id}/{self.name}{policy} {self.component}".rstrip()


class Point(models.Model):
    """A value on the time grid; its key is what makes recording it twice harmless."""

    pk = models.CompositePrimaryKey("series", "resolution", "t")
    # The key begins with it: an index of its own would only cost room.
    series = models.ForeignKey(
        Series, on_delete=models.CASCADE, related_name="points", db_index=False
    )
    resolution = models.PositiveSmallIntegerField(help_text="Width of the time grid in seconds.")
    t = models.BigIntegerField(help_text="Start of the grid cell, in seconds since 1970 in UTC.")
    value = models.FloatField()

    def __str__(self) -> str:
        return f"{self.series_id} at {self.t}: {self.value:g}"


class LiveScoring(models.Model):
    """How far the live version has been judged on arriving samples, and the window being filled."""

    recommender = models.OneToOneField(
        Recommender, primary_key=True, on_delete=models.CASCADE, related_name="live_scoring"
    )
    next_offset = models.PositiveBigIntegerField(help_text="The first offset not yet judged.")
    window = models.JSONField(
        default=list, help_text="[label, prediction, weight] of samples judged, not yet recorded."
    )

    def __str__(self) -> str:
        return f"{self.recommender_id} from {self.next_offset}"

__all__ = [
    "Alert",
    "AlertChannel",
    "AlertTransition",
    "LiveScoring",
    "Notification",
    "Point",
    "Series",
    "Silence",
]
