"""Samples that no model is to have learned, and who said so."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from simple_history.models import HistoricalRecords

from updates.models.recommender import Recommender
from updates.samples.offsets import count, union


class WrongState(RuntimeError):
    """What was asked for is not for a quarantine in its state."""


class State(models.TextChoices):
    """How far models are with a quarantine, or with its lifting."""

    MARKED = "marked"
    REPLAYING = "replaying"
    DONE = "done"
    FAILED = "failed"


# A whole is as far as the part that is least far.
LEAST_FAR_FIRST = (State.FAILED, State.MARKED, State.REPLAYING, State.DONE)
# By the state of the rebuild; what is not here has failed.
STATES = {
    "queued": State.MARKED,
    "running": State.REPLAYING,
    "evaluating": State.REPLAYING,
    "promoted": State.DONE,
}


def _state(run: Any) -> State:
    return STATES.get(run.state, State.FAILED)


class Quarantine(models.Model):
    """Offsets of a log that are left out of all learning, until it is lifted.

    They are resolved when it is made: what arrives later is not in it.
    """

    recommender = models.ForeignKey(
        Recommender, on_delete=models.CASCADE, related_name="quarantines"
    )
    selection = models.JSONField(help_text="What was asked for; samples must meet all of it.")
    ranges = models.JSONField(help_text="The offsets found, as sorted pairs of first and last.")
    reason = models.TextField()
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    erases = models.BooleanField(
        db_default=False,
        default=False,
        help_text="Its samples are erased from the log as well: it cannot be lifted.",
    )
    erased_at = models.DateTimeField(null=True)
    lifted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    lifted_at = models.DateTimeField(null=True)
    lift_reason = models.TextField(blank=True)
    history = HistoricalRecords(excluded_fields=["ranges"])

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"quarantine {self.pk} of {self.recommender.slug}"

    @property
    def samples(self) -> int:
        """How many samples are in it."""
        return count(self.ranges)

    @property
    def stands(self) -> bool:
        """Whether it has not been lifted."""
        return self.lifted_at is None

    @property
    def rebuilds(self) -> list[Any]:
        """The runs that have models be as it says, the newest of each recommender that learns from
        the log; none of one where there was nothing to do.

        A rebuild heeds all that is quarantined: one that followed another does its work too.
        """
        newest: dict[int, Any] = {}
        for run in self.runs.select_related("recommender"):
            newest.setdefault(run.recommender_id, run)
        return [
            run
            if run.state == "promoted"
            else run.recommender.runs.filter(strategy=run.strategy, pk__gte=run.pk).first()
            for run in newest.values()
        ]

    @property
    def rebuild(self) -> Any:
        """Of its rebuilds the one that is least far; None where there was nothing to do."""
        return min(self.rebuilds, key=lambda run: LEAST_FAR_FIRST.index(_state(run)), default=None)

    @property
    def state(self) -> str:
        """How far models are with it, those of challengers too."""
        run = self.rebuild
        return _state(run) if run else State.DONE

    @classmethod
    def standing_ranges(cls, recommender: Recommender) -> list[list[int]]:
        """All that is quarantined of the recommender's log now."""
        standing = cls.objects.filter(recommender_id=recommender.log_owner_id, lifted_at=None)
        return union(
            pair for ranges in standing.values_list("ranges", flat=True) for pair in ranges
        )

    def lift(self, by: Any, reason: str) -> None:
        """It stands no more. Raises WrongState."""
        self.refresh_from_db(fields=["lifted_at"])
        if not self.stands:
            raise WrongState(f"Quarantine {self.pk} was lifted already.")
        if self.erases:
            raise WrongState("Its samples are erased: there is nothing to learn again.")
        self.lifted_at, self.lifted_by, self.lift_reason = timezone.now(), by, reason
        self._history_user = by
        self.save(update_fields=["lifted_at", "lifted_by", "lift_reason"])
