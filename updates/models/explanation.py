"""What a version learned against another one, worked out once and kept."""

from typing import Any, Self

from django.db import models
from django.db.models import F
from django.utils import timezone

from updates.models.version import ModelVersion


class ExplanationState(models.TextChoices):
    QUEUED = "queued"
    READY = "ready"
    FAILED = "failed"


# A worker that dies over it is not replaced for ever.
MOST_ATTEMPTS = 3


class Explanation(models.Model):
    """Of one version against another of the same recommender.

    While it is queued again, as more samples have come since, its content is the last one.
    """

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="explanations")
    against = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="+")
    state = models.CharField(
        max_length=20, choices=ExplanationState, default=ExplanationState.QUEUED
    )
    content = models.JSONField(default=dict)
    error = models.TextField(blank=True, help_text="Why it could not be worked out.")
    through_offset = models.PositiveBigIntegerField(
        default=0, help_text="The last sample of the log that it has looked at."
    )
    attempts = models.PositiveSmallIntegerField(default=0)
    asked_at = models.DateTimeField(default=timezone.now)
    computed_at = models.DateTimeField(null=True)
    cpu_seconds = models.FloatField(default=0.0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["version", "against"], name="one_explanation_of_two_versions"
            )
        ]
        indexes = [
            models.Index(
                fields=["state"],
                condition=models.Q(state="queued"),
                name="explanations_queued",
            )
        ]

    def __str__(self) -> str:
        return f"{self.version} against {self.against.number}: {self.state}"

    @classmethod
    def ask(cls, version: ModelVersion, against: ModelVersion) -> tuple[Self, bool]:
        """The one there is, or a new one that is queued; and whether it is new."""
        return cls.objects.get_or_create(version=version, against=against)

    def ask_again(self) -> None:
        """Queue it once more."""
        self._update(state=ExplanationState.QUEUED, attempts=0, asked_at=timezone.now(), error="")

    def begin(self) -> bool:
        """A worker takes it up; false where it is not queued, or has been taken too often."""
        queued = Explanation.objects.filter(pk=self.pk, state=ExplanationState.QUEUED)
        if queued.filter(attempts__lt=MOST_ATTEMPTS).update(attempts=F("attempts") + 1):
            return True
        if queued.exists():
            self.fail("Workers stopped answering over it; ask for it again.")
        return False

    def finish(self, content: dict[str, Any], through_offset: int, cpu_seconds: float) -> None:
        """It is worked out."""
        self._update(
            state=ExplanationState.READY,
            content=content,
            through_offset=through_offset,
            cpu_seconds=cpu_seconds,
            computed_at=timezone.now(),
        )

    def fail(self, error: str) -> None:
        """It could not be worked out; what was before stays."""
        self._update(state=ExplanationState.FAILED, error=error)

    def _update(self, **fields: Any) -> None:
        Explanation.objects.filter(pk=self.pk).update(**fields)
        self.refresh_from_db()
