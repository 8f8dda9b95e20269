"""What is measured over time."""

from django.db import models

from updates.models import Recommender


class Series(models.Model):
    """One measurement of one recommender over time."""

    recommender = models.ForeignKey(Recommender, on_delete=models.CASCADE, related_name="series")
    name = models.CharField(max_length=60)
    label = models.CharField(
        max_length=60, blank=True, help_text="Which policy, for measurements kept by policy."
    )

    class Meta:
        verbose_name_plural = "series"
        constraints = [
            models.UniqueConstraint(
                fields=["recommender", "name", "label"], name="one_series_a_measurement"
            ),
        ]

    def __str__(self) -> str:
        return "/".join(filter(None, [str(self.recommender_id), self.name, self.label]))


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
