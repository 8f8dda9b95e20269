"""Where an online session stands: its model and the offset, written together."""

from __future__ import annotations

from typing import Any

from django.db import models, transaction

from updates.models.lease import ComponentLease
from updates.models.recommender import Recommender
from updates.models.run import UpdateRun
from updates.models.version import ModelVersion


class Checkpoint(models.Model):
    """The newest state of online learning that a successor can go on from, one a recommender.

    Its bytes are an artifact; this row is what makes them count, and moves in one transaction.
    """

    recommender = models.OneToOneField(
        Recommender, primary_key=True, on_delete=models.CASCADE, related_name="checkpoint"
    )
    epoch = models.PositiveBigIntegerField(
        help_text="The line of online learning that it belongs to; see Deployment."
    )
    base = models.ForeignKey(
        ModelVersion,
        null=True,
        on_delete=models.CASCADE,
        help_text="The version that the session began from; empty where it began from nothing.",
    )
    digest = models.CharField(max_length=64, help_text="SHA-256 of the artifact's manifest.")
    learner = models.CharField(max_length=60)
    learner_options = models.JSONField()
    schema = models.JSONField()
    next_offset = models.PositiveBigIntegerField()
    watermark = models.DateTimeField(null=True)
    learned_ranges = models.JSONField()
    components = models.JSONField(default=dict, help_text="Of each: {watermark, next_offset}.")
    steps = models.JSONField(help_text="What was learned since the base, in order.")
    samples = models.PositiveBigIntegerField(help_text="Samples learned since the base.")
    written_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.recommender.slug} at offset {self.next_offset - 1}"

    @classmethod
    def write(cls, run: UpdateRun, fences: dict[str, int], **fields: Any) -> str | None:
        """Replace the recommender's checkpoint; returns the digest of the one replaced.

        Raises LeaseLost, with nothing changed, where the run is no longer the writer.
        """
        with transaction.atomic():
            ComponentLease.verify(run, fences)
            known = cls.objects.filter(recommender_id=run.recommender_id)
            replaced = known.values_list("digest", flat=True).first()
            cls.objects.update_or_create(recommender_id=run.recommender_id, defaults=fields)
            return replaced
