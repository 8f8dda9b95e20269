"""Whether a version's bytes follow from the log: learned again and compared."""

from django.conf import settings
from django.db import models

from updates.models.version import ModelVersion


class ProofState(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    EQUAL = "equal"
    DIFFERENT = "different"
    FAILED = "failed"


class Proof(models.Model):
    """One time that a version was made again from what its manifest says."""

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="proofs")
    state = models.CharField(max_length=20, choices=ProofState, default=ProofState.QUEUED)
    outcome = models.TextField(blank=True, help_text="The outcome in a sentence.")
    samples = models.PositiveBigIntegerField(default=0, help_text="Samples learned again.")
    cpu_seconds = models.FloatField(default=0.0)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL)
    requested_at = models.DateTimeField(auto_now_add=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.version}: {self.state}"
