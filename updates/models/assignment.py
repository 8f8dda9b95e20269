"""What an attempt gave to the trainer of an external model, and what has come back of it."""

from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q

from updates.models.run import WRITING, UpdateRun


class Assignment(models.Model):
    """One attempt at a run: the samples to learn, the samples to be judged on, the time it has.

    The trainer learns [first_offset, next_offset) and predicts [next_offset, holdout_next_offset).
    """

    run = models.ForeignKey(UpdateRun, on_delete=models.CASCADE, related_name="assignments")
    attempt = models.PositiveIntegerField()
    runner = models.CharField(max_length=20)
    first_offset = models.PositiveBigIntegerField()
    next_offset = models.PositiveBigIntegerField()
    holdout_next_offset = models.PositiveBigIntegerField()
    deadline_at = models.DateTimeField(help_text="Beyond it the run fails.")
    deliver_at = models.DateTimeField(
        null=True, help_text="When the trainer is to be called; empty: it has been, or calls."
    )
    deliveries = models.PositiveSmallIntegerField(default=0, help_text="Calls that failed.")
    artifact_sha256 = models.CharField(max_length=64, blank=True, help_text="Of the model's file.")
    artifact_name = models.CharField(max_length=200, blank=True)
    artifact_bytes = models.PositiveBigIntegerField(default=0)
    artifact_uri = models.TextField(blank=True, help_text="Where a model lies that was not sent.")
    reported = models.JSONField(default=dict, help_text="Metrics by name, as its trainer says.")
    answered_sha256 = models.CharField(
        max_length=64, blank=True, help_text="Of the report that ended it: sent again it is known."
    )
    output = models.TextField(blank=True, help_text="The end of what its command has printed.")

    class Meta:
        ordering = ["run", "attempt"]
        constraints = [
            models.UniqueConstraint(fields=["run", "attempt"], name="one_assignment_an_attempt"),
        ]
        indexes = [
            models.Index(
                fields=["deliver_at"],
                condition=Q(deliver_at__isnull=False),
                name="assignments_to_deliver",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.run}, attempt {self.attempt}"

    @classmethod
    def of(cls, run: UpdateRun) -> Self | None:
        """That of the run's present attempt."""
        return cls.objects.filter(run=run, attempt=run.attempt).first()

    @classmethod
    def under_way(cls) -> models.QuerySet[Self]:
        """Those whose attempt is at work."""
        return cls.objects.filter(
            run__state__in=WRITING, run__attempt=models.F("attempt")
        ).select_related("run__recommender")

    def claim_delivery(self, now: datetime, until: datetime) -> bool:
        """Take the call that is due: true for one caller. One that dies at it leaves it due at
        ``until``."""
        return bool(
            Assignment.objects.filter(
                pk=self.pk, deliver_at=self.deliver_at, deliver_at__lte=now
            ).update(deliver_at=until)
        )

    def note(self, **fields: object) -> None:
        """Store what has come back."""
        Assignment.objects.filter(pk=self.pk).update(**fields)
        for name, value in fields.items():
            setattr(self, name, value)
