"""What a recommender's samples are now, against what its live version has learned."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from monitoring.drift.compare import FeatureDrift, compare_all
from monitoring.models import DriftAlarm
from monitoring.sketches import Period, arrived, learned
from updates.models import Recommender
from updates.samples.schema import LABEL

WINDOW = timedelta(hours=1)
# With fewer samples that the live version has not learned, all of the window is looked at.
LEAST_NEW = 1000


@dataclass(frozen=True)
class DriftReport:
    """Two periods and what differs between them.

    features : by their contribution. label : None without rows in both periods.
    version : whose training range it is compared against; None for two periods by time.
    """

    now: Period
    against: Period
    version: int | None
    features: list[FeatureDrift]
    label: FeatureDrift | None
    alarms: dict[str, datetime]

    @property
    def missing(self) -> str:
        """Why there is nothing to compare, and what brings it; "" where there is."""
        if not self.now.last_offset:
            return "No samples of that period are sketched: sketches follow the log every minute."
        if not self.against.last_offset:
            if self.version is None:
                return "There is nothing to compare with: no version is live. Run a full update."
            return (
                "The samples that the live version has learned are not sketched yet: sketches "
                "follow the log every minute."
            )
        return ""


def report(
    recommender: Recommender,
    now: datetime,
    span: tuple[datetime, datetime] | None = None,
    against: tuple[datetime, datetime] | None = None,
) -> DriftReport:
    """A span of arrivals against another, or against the live version's training range.

    span : the last hour unless said otherwise, or the newest range where nothing arrived in it.
    """
    present = arrived(recommender, *span) if span else _newest(recommender, now)
    live = recommender.live_version
    if against:
        earlier, version = arrived(recommender, *against), None
    else:
        version = live and live.number
        earlier = learned(recommender, live.learned_ranges if live else [])
    found = compare_all(present.sketches, earlier.sketches)
    return DriftReport(
        present,
        earlier,
        version,
        [drift for drift in found if drift.feature != LABEL],
        next((drift for drift in found if drift.feature == LABEL), None),
        dict(
            DriftAlarm.objects.filter(
                recommender=recommender, firing_since__isnull=False
            ).values_list("feature", "firing_since")
        ),
    )


def _newest(recommender: Recommender, now: datetime) -> Period:
    """Of the last hour what the live version has not learned, or all where that is little; what
    arrived last where nothing did in that hour."""
    found = arrived(recommender, now - WINDOW, now)
    if not found.last_offset:
        newest = recommender.sketched_ranges.order_by("-last_offset").first()
        return arrived(recommender, newest.ends_at, now) if newest else found
    live = recommender.live_version
    if live and found.last_offset - live.next_offset >= LEAST_NEW:
        return arrived(recommender, now - WINDOW, now, live.next_offset)
    return found
