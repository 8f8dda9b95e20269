"""What is measured over time."""

from django.db import models
from django.db.models import Q

from monitoring.alerts.channels import AlertChannel, Notification
from monitoring.alerts.models import Alert, AlertTransition, Silence
from monitoring.challengers.models import ComparedHour, Comparison, Foretold
from monitoring.quality.models import FirstMet, LiveScoring, LossCell, SliceWindow
from monitoring.saved_views import SavedView
from monitoring.scorecard.models import DriftEpisode
from monitoring.sketched_ranges import FeatureSketch, SketchedRange
from monitoring.sparsity.models import DeadFeatures, FeatureTurnover
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
    part = models.CharField(
        max_length=200,
        blank=True,
        default="",
        # As the previous release calls it.
        db_column="component",
        help_text="Of which component, slice or feature, for measurements kept by one of them.",
    )

    class Meta:
        verbose_name_plural = "series"
        constraints = [
            models.UniqueConstraint(
                fields=["recommender", "name", "part"],
                condition=Q(policy=None),
                name="one_series_a_measurement",
            ),
            models.UniqueConstraint(
                fields=["policy", "name"], name="one_series_a_measurement_of_a_policy"
            ),
        ]

    def __str__(self) -> str:
        policy = f" of policy {self.policy_id}" if self.policy_id else ""
        return f"{self.recommender_id}/{self.name}{policy} {self.part}".rstrip()


class SeriesPoint(models.Model):
    """A value on a time grid; its key is what makes recording it twice harmless.

    Rows lie in the order of the key (migration 0004 says how), so that those of a plot are read
    from neighbouring pages. No constraint ties them to their series: checking it would cost each
    of them a look-up, and when a series goes, ``retention`` deletes its points bit by bit.
    """

    pk = models.CompositePrimaryKey("series", "t")
    series = models.ForeignKey(
        Series,
        on_delete=models.DO_NOTHING,
        related_name="+",
        db_constraint=False,
        db_index=False,
    )
    t = models.BigIntegerField(help_text="Start of the grid cell, in seconds since 1970 in UTC.")
    value = models.FloatField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.series_id} at {self.t}: {self.value:g}"


class TenSecondPoint(SeriesPoint):
    """A value as it was recorded."""


class RolledPoint(SeriesPoint):
    """What the finer points of a longer cell come to."""

    count = models.PositiveSmallIntegerField(help_text="How many ten-second points it stands for.")

    class Meta:
        abstract = True


class MinutePoint(RolledPoint):
    """What the ten-second points of a minute come to."""


class HourPoint(RolledPoint):
    """What the minutes of an hour come to."""


class PendingCell(models.Model):
    """A cell some of whose finer points are younger than its roll-up.

    Each write of points adds its cells in the same transaction, even where others have named them
    already, and a roll-up deletes only those that it saw before it read the points. A watermark
    could not do that: a point that is committed late would lie before it and never be rolled up.
    """

    seconds = models.PositiveSmallIntegerField(help_text="Width of the cell.")
    t = models.BigIntegerField(help_text="Start of the cell, in seconds since 1970 in UTC.")

    class Meta:
        indexes = [models.Index(fields=["seconds", "t"], name="pending_cells_in_order")]

    def __str__(self) -> str:
        return f"{self.seconds} s at {self.t}"


class Retention(models.Model):
    """From when on the points of one resolution are all there. Who rolls them up locks it."""

    seconds = models.PositiveSmallIntegerField(
        primary_key=True, help_text="Width of the time grid of its points."
    )
    kept_from = models.BigIntegerField(
        default=0, help_text="Nothing before is read or rolled up, in seconds since 1970 in UTC."
    )
    cleared_to = models.BigIntegerField(
        default=0, help_text="Up to here what is not kept has been deleted."
    )

    def __str__(self) -> str:
        return f"{self.seconds} s from {self.kept_from}"


class Point(models.Model):
    """A point as the previous release keeps it.

    Its processes may still write here while this release starts; migration 0004 has copied what
    was there before. The next release drops the table.
    """

    pk = models.CompositePrimaryKey("series", "resolution", "t")
    series = models.ForeignKey(
        Series, on_delete=models.CASCADE, related_name="points", db_index=False
    )
    resolution = models.PositiveSmallIntegerField(help_text="Width of the time grid in seconds.")
    t = models.BigIntegerField(help_text="Start of the grid cell, in seconds since 1970 in UTC.")
    value = models.FloatField()

    def __str__(self) -> str:
        return f"{self.series_id} at {self.t}: {self.value:g}"


class DriftAlarm(models.Model):
    """Where the alarm of a feature stands; what it means is said by ``drift.alarm.AlarmState``."""

    recommender = models.ForeignKey(
        Recommender, on_delete=models.CASCADE, related_name="drift_alarms"
    )
    feature = models.CharField(max_length=200)
    turning_since = models.DateTimeField(null=True)
    firing_since = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["recommender", "feature"], name="one_drift_alarm_a_feature"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.feature} of {self.recommender_id}"


__all__ = [
    "Alert",
    "AlertChannel",
    "AlertTransition",
    "ComparedHour",
    "Comparison",
    "DeadFeatures",
    "DriftAlarm",
    "DriftEpisode",
    "FeatureSketch",
    "FeatureTurnover",
    "FirstMet",
    "Foretold",
    "HourPoint",
    "LiveScoring",
    "LossCell",
    "MinutePoint",
    "Notification",
    "PendingCell",
    "Point",
    "Retention",
    "RolledPoint",
    "SavedView",
    "Series",
    "SeriesPoint",
    "Silence",
    "SketchedRange",
    "SliceWindow",
    "TenSecondPoint",
]
