"""Sketches of samples, as they are kept."""

from django.db import models

from updates.models import Recommender
from updates.samples.offsets import count


class SketchedRange(models.Model):
    """Consecutive offsets whose features have been sketched, and when those samples arrived.

    It is written together with its sketches: an offset that it covers is in them, once, unless it
    was quarantined.
    """

    recommender = models.ForeignKey(
        Recommender, on_delete=models.CASCADE, related_name="sketched_ranges"
    )
    first_offset = models.PositiveBigIntegerField()
    last_offset = models.PositiveBigIntegerField()
    starts_at = models.DateTimeField(help_text="When its first sample arrived.")
    ends_at = models.DateTimeField(help_text="When its last sample arrived.")
    left_out = models.JSONField(
        default=list,
        db_default=[],
        help_text="Offsets in it that were quarantined, as pairs of first and last.",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["recommender", "first_offset"], name="a_sketched_range_begins_once"
            ),
        ]
        indexes = [models.Index(fields=["recommender", "ends_at"], name="sketched_by_arrival")]

    def __str__(self) -> str:
        return f"{self.recommender_id} {self.first_offset}–{self.last_offset}"

    @property
    def samples(self) -> int:
        """How many are in its sketches."""
        return self.last_offset - self.first_offset + 1 - count(self.left_out)


class FeatureSketch(models.Model):
    """The sketch of one feature over a range; its bytes are those of its kind of sketch."""

    range = models.ForeignKey(SketchedRange, on_delete=models.CASCADE, related_name="sketches")
    feature = models.CharField(max_length=200)
    kind = models.CharField(max_length=10)
    body = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["range", "feature"], name="one_sketch_a_feature"),
        ]

    def __str__(self) -> str:
        return f"{self.feature} of {self.range_id}"
