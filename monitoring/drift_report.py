"""What a recommender's samples are now, against what its live version has learned."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from monitoring.drift.compare import FeatureDrift, Sketch, compare, compare_all
from monitoring.drift.values import ValueSketch
from monitoring.models import DriftAlarm
from monitoring.reference import learned
from monitoring.sketches import PREDICTION, Period, arrived, newest
from updates.models import Recommender
from updates.samples.schema import LABEL

WINDOW = timedelta(hours=1)
QUOTES = '"'
# The alarm on the live version's log loss; no feature's name has quotation marks.
LOG_LOSS = '"log loss"'
# With fewer samples that the live version has not learned, the newest that it has are looked at.
LEAST_NEW = 1000


@dataclass(frozen=True)
class DriftReport:
    """Two periods and what differs between them.

    features : by their contribution. label, prediction : None without rows in both periods.
    version : whose training range it is compared against; None for two periods by time.
    """

    now: Period
    against: Period
    version: int | None
    features: list[FeatureDrift]
    label: FeatureDrift | None
    prediction: FeatureDrift | None
    alarms: dict[str, datetime]

    @property
    def all(self) -> list[FeatureDrift]:
        """Features, then label and predictions."""
        others = (self.label, self.prediction)
        return [*self.features, *(drift for drift in others if drift is not None)]

    @property
    def loss_rose_at(self) -> datetime | None:
        """When ADWIN saw the log loss of the live version rise; None where it has not, or has
        fallen since."""
        return self.alarms.get(LOG_LOSS)

    @property
    def coverage(self) -> float | None:
        """Share of the values of features now that the other period has met; None of none."""
        met = new = 0.0
        for drift in self.features:
            if drift.kind == ValueSketch.kind:
                values = self.now.sketches[drift.feature].present
                met += values
                new += values * drift.new_value_rate
        return 1 - new / met if met else None

    @property
    def missing(self) -> str:
        """Why there is nothing to compare, and what brings it; "" where there is."""
        if not self.now.last_offset:
            return "No samples of that period are sketched: sketches follow the log every minute."
        if not self.against.last_offset:
            if self.version is None:
                return "There is nothing to compare with: no version is live. Run a full update."
            return (
                "There is nothing to compare with: all that the live version has learned arrived "
                "just now. Drift is looked at once more samples arrive."
            )
        return ""


def report(
    recommender: Recommender,
    now: datetime,
    span: tuple[datetime, datetime] | None = None,
    against: tuple[datetime, datetime] | None = None,
) -> DriftReport:
    """A span of arrivals against another, or against the live version's training range.

    span : unless said otherwise, of the last hour what the live version has not learned, or the
        newest 1,000 samples where that is fewer.
    """
    live = recommender.live_version
    if span:
        present = arrived(recommender, *span)
    else:
        present = newest(recommender, now - WINDOW, live.next_offset if live else 1, LEAST_NEW)
    if against:
        earlier, version = arrived(recommender, *against), None
    else:
        version = live and live.number
        earlier = learned(recommender, live.learned_ranges if live else [], present)
    found = compare_all(_features(present), _features(earlier))
    return DriftReport(
        present,
        earlier,
        version,
        found,
        label=_one(LABEL, present, earlier),
        prediction=_one(PREDICTION, present, earlier),
        alarms=dict(
            DriftAlarm.objects.filter(
                recommender=recommender, firing_since__isnull=False
            ).values_list("feature", "firing_since")
        ),
    )


def _features(period: Period) -> dict[str, Sketch]:
    return {n: s for n, s in period.sketches.items() if n not in (LABEL, PREDICTION)}


def _one(name: str, *periods: Period) -> FeatureDrift | None:
    if not all(name in period.sketches for period in periods):
        return None
    return compare(name.strip(QUOTES), *(period.sketches[name] for period in periods))
