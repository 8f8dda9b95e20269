"""Versions on trial, as pages show them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from updates.metrics import Quality
from updates.models import Canary, ModelVersion, Recommender


@dataclass(frozen=True)
class Trial:
    """A canary as it stood at ``now``."""

    canary: Canary
    now: datetime

    @property
    def left_seconds(self) -> float:
        """Until its end; 0 where that is being seen to."""
        return max(0.0, (self.canary.ends_at - self.now).total_seconds())

    @property
    def judged(self) -> int:
        """Samples that judged it at the last look."""
        return self.canary.metrics["candidate"]["samples"] if self.canary.metrics else 0

    @property
    def gain(self) -> float | None:
        """NE of the live version − its own, on the same samples; None where they are too few."""
        found = self.canary.metrics
        if not found or not Quality(**found["candidate"]).judgeable:
            return None
        return found["ne_gain"]

    @property
    def gain_interval(self) -> list[float] | None:
        """Lowest and highest with 95 % confidence."""
        return self.canary.metrics["ne_gain_interval"] if self.gain is not None else None


def on_trial(recommender: Recommender, now: datetime) -> Trial | None:
    """What is on trial; None where nothing is."""
    related = ("version", "live", "run", "begun_by")
    found = recommender.canaries.running().select_related(*related).first()
    return Trial(found, now) if found else None


def trials_of(version: ModelVersion, now: datetime) -> list[Trial]:
    """All trials of a version, newest first."""
    related = ("live", "run", "begun_by", "ended_by", "version")
    return [Trial(canary, now) for canary in version.canaries.select_related(*related)]
