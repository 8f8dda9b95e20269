"""Whether a version's bytes follow from the log: learned again and compared."""

from typing import Any, Self

from django.db import models, transaction

from updates.models.job import FAILED, QUEUED, RUNNING, UNDER_WAY, Job
from updates.models.version import ModelVersion


class ProofState(models.TextChoices):
    QUEUED = QUEUED
    RUNNING = RUNNING
    EQUAL = "equal"
    DIFFERENT = "different"
    FAILED = FAILED


class ProofUnderWay(RuntimeError):
    """A version is being proved already; ``proof`` is the one."""

    def __init__(self, proof: "Proof") -> None:
        super().__init__(f"Proof {proof.pk} of {proof.version} is {proof.state} already.")
        self.proof = proof


class Proof(Job):
    """One time that a version was made again from what its manifest says."""

    task = "updates.tasks.prove_version"
    word = "proof"

    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="proofs")
    state = models.CharField(max_length=20, choices=ProofState, default=ProofState.QUEUED)

    def __str__(self) -> str:
        return f"{self.version}: {self.state}"

    @classmethod
    def request(cls, version: ModelVersion, by: Any) -> Self:
        """Queue one. Raises ProofUnderWay."""
        with transaction.atomic():
            # One at a time decides whether there is one already.
            ModelVersion.objects.select_for_update().get(pk=version.pk)
            if other := cls.objects.filter(version=version, state__in=UNDER_WAY).first():
                raise ProofUnderWay(other)
            return cls.objects.create(version=version, requested_by=by)
