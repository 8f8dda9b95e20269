"""Closed ranges of the sample log, archived to Parquet."""

from collections.abc import Collection
from datetime import datetime

from django.db import models
from django.db.models import F, Max, Q

from updates.models.recommender import Recommender


class Segment(models.Model):
    """One Parquet file: offsets first to last, all of them."""

    recommender = models.ForeignKey(Recommender, on_delete=models.CASCADE, related_name="segments")
    first_offset = models.PositiveBigIntegerField()
    last_offset = models.PositiveBigIntegerField()
    min_event_time = models.DateTimeField()
    max_event_time = models.DateTimeField()
    path = models.CharField(max_length=255, help_text="Below the data folder.")
    sha256 = models.CharField(max_length=64)
    bytes = models.PositiveBigIntegerField()
    archived_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["recommender", "first_offset"]
        constraints = [
            models.UniqueConstraint(
                fields=["recommender", "first_offset"], name="a_segment_begins_once"
            ),
            models.CheckConstraint(
                condition=Q(first_offset__lte=F("last_offset")), name="a_segment_is_not_empty"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.recommender.slug} {self.first_offset}–{self.last_offset}"

    @classmethod
    def newest(cls, recommender_ids: Collection[int]) -> dict[int, tuple[int, datetime]]:
        """The last offset and newest event time archived, of those of which anything is: one
        query."""
        if not recommender_ids:
            return {}
        segments = cls.objects.filter(recommender__in=recommender_ids).order_by()
        newest = segments.values("recommender").annotate(
            last=Max("last_offset"), time=Max("max_event_time")
        )
        return {row["recommender"]: (row["last"], row["time"]) for row in newest}


class ArchivedBatch(models.Model):
    """The Batch-Id of a batch in an archived range, so that a late retry still adds nothing."""

    recommender = models.ForeignKey(Recommender, on_delete=models.CASCADE)
    batch_id = models.CharField(max_length=200)
    first_offset = models.PositiveBigIntegerField()
    last_offset = models.PositiveBigIntegerField()
    sha256 = models.CharField(max_length=64, help_text="Of its content, to tell another's apart.")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["recommender", "batch_id"], name="a_batch_is_archived_once"
            ),
        ]

    def __str__(self) -> str:
        return self.batch_id
