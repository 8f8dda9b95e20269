"""Whether a version's bytes follow from the log: learned again and compared."""

from typing import Any, Self

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone

from updates.models.version import ModelVersion


class ProofState(models.TextChoices):
    QUEUED = "queued"
    RUNNING = "running"
    EQUAL = "equal"
    DIFFERENT = "different"
    FAILED = "failed"


UNDER_WAY = (ProofState.QUEUED, ProofState.RUNNING)


class ProofUnderWay(RuntimeError):
    """A version is being proved already; ``proof`` is the one."""

    def __init__(self, proof: "Proof") -> None:
        super().__init__(f"Proof {proof.pk} of {proof.version} is {proof.state} already.")
        self.proof = proof


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

    @property
    def under_way(self) -> bool:
        """Whether its outcome is still to come."""
        return self.state in UNDER_WAY

    @classmethod
    def request(cls, version: ModelVersion, by: Any) -> Self:
        """Queue one. Raises ProofUnderWay."""
        with transaction.atomic():
            # One at a time decides whether there is one already.
            ModelVersion.objects.select_for_update().get(pk=version.pk)
            if other := cls.objects.filter(version=version, state__in=UNDER_WAY).first():
                raise ProofUnderWay(other)
            return cls.objects.create(version=version, requested_by=by)

    def claim(self) -> bool:
        """A worker takes it: queued → running; false where another one was first."""
        return self._update(ProofState.QUEUED, state=ProofState.RUNNING)

    def note(self, *, samples: int, cpu_seconds: float) -> bool:
        """Store how far it is; false where it is not running any more."""
        return self._update(ProofState.RUNNING, samples=samples, cpu_seconds=cpu_seconds)

    def end(self, state: ProofState, outcome: str) -> bool:
        """Running → its outcome; false where it has one, which then stays."""
        return self._update(
            ProofState.RUNNING, state=state, outcome=outcome, finished_at=timezone.now()
        )

    def _update(self, expected: ProofState, **fields: Any) -> bool:
        found = Proof.objects.filter(pk=self.pk, state=expected)
        return bool(found.update(**fields))
