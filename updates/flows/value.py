"""What an update cost and brought, beside the last full update of the same recommender."""

from __future__ import annotations

from dataclasses import dataclass

from updates.models import UpdateRun
from updates.models.policy import Strategy
from updates.models.run import RunState


@dataclass(frozen=True)
class Value:
    """Of an update that made a version.

    full : the last full update promoted before it, None where there was none. cpu_share : its CPU
    time ÷ that of the full one. ne_gain, full_ne_gain : NE of the version before − its own, on
    newest samples that neither had learned; None where they were not judged.
    """

    run: UpdateRun
    full: UpdateRun | None

    @property
    def cpu_share(self) -> float | None:
        if self.full is None or not self.full.cpu_seconds:
            return None
        return self.run.cpu_seconds / self.full.cpu_seconds

    @property
    def ne_gain(self) -> float | None:
        return self.run.metrics.get("ne_gain")

    @property
    def ne_gain_interval(self) -> tuple[float, float] | None:
        """Lowest and highest gain with 95 % confidence, from the paired differences of the losses;
        None where they have no spread, and of runs that were judged before it was kept."""
        interval = self.run.metrics.get("ne_gain_interval")
        return tuple(interval) if interval else None

    @property
    def full_ne_gain(self) -> float | None:
        return self.full.metrics.get("ne_gain") if self.full else None

    @property
    def ne_gain_per_cpu_second(self) -> float | None:
        if self.ne_gain is None or not self.run.cpu_seconds:
            return None
        return self.ne_gain / self.run.cpu_seconds


def value_of(run: UpdateRun) -> Value | None:
    """None of a run that has made no version, and of a full update: it is what others are
    compared with."""
    if run.result_version_id is None or run.strategy == Strategy.FULL:
        return None
    full = UpdateRun.objects.filter(
        recommender_id=run.recommender_id,
        strategy=Strategy.FULL,
        state=RunState.PROMOTED,
        pk__lt=run.pk,
    )
    return Value(run, full.select_related("result_version").first())
