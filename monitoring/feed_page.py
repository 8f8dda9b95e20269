"""What the page of the simulated feed shows: who loses how much, and at which cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean, median
from typing import Any

from django.db.models import Count, Q, Sum

from monitoring import metrics, series
from monitoring.fleet import fleet_freshness, log_heads
from monitoring.freshness import Freshness
from recadmin.demo.feed_fleet import HOUR_SECONDS
from recadmin.demo.feed_state import FlashEvent
from updates.models import Deployment, Recommender, UpdateRun
from updates.models.deployment import DeploymentKind
from updates.simulation.fleet import FLEET, Entry
from updates.simulation.recovery import LEAST_JUMP, LONGEST_HOURS

SPAN = timedelta(hours=1)
NEVER_BACK = float("inf")


@dataclass(frozen=True)
class Ranked:
    """One of the eight, over the last hour; None for what was not measured.

    updates : promotions after the first version. cpu_seconds : of all its runs. jump, hours : its
    rise of regret when a topic turned hot last, and simulated hours until half of that was gone.
    typical_hours : the median of those over all events at which it rose; infinite where it mostly
    did not come back within a day.
    """

    entry: Entry
    recommender: Recommender
    fresh: Freshness
    regret: float | None
    excess_log_loss: float | None
    updates: int
    cpu_seconds: float | None
    jump: float | None
    hours: float | None
    typical_hours: float | None

    @property
    def rose(self) -> bool:
        """Whether the newest event cost it anything to speak of."""
        return self.jump is not None and self.jump >= LEAST_JUMP

    @property
    def never_back(self) -> bool:
        """Whether it mostly did not come back."""
        return self.typical_hours == NEVER_BACK


def recommenders() -> list[Recommender]:
    """Those of the eight that are there."""
    slugs = [entry.slug for entry in FLEET]
    return list(Recommender.objects.filter(slug__in=slugs).select_related("live_version"))


def ranking(
    found: Sequence[Recommender], flashes: Sequence[FlashEvent], now: datetime
) -> list[Ranked]:
    """The least regret first, those without any last. flashes : the newest first."""
    by_slug = {one.slug: one for one in found}
    fresh = fleet_freshness(found, now, log_heads(found))
    updates, spent = _updates(found), _cpu_seconds(found)
    newest = next((event for event in flashes if event.flash.whole_topic), None)
    rows = []
    for entry in FLEET:
        if (one := by_slug.get(entry.slug)) is None:
            continue
        rows.append(
            Ranked(
                entry,
                one,
                fresh[one.pk],
                _mean(one, metrics.REGRET, now),
                _mean(one, metrics.EXCESS_LOG_LOSS, now),
                max(0, updates.get(one.pk, 0) - 1),
                spent.get(one.pk),
                newest.jumps.get(one.slug) if newest else None,
                newest.hours.get(one.slug) if newest else None,
                _typical_hours(one.slug, flashes, now),
            )
        )
    return sorted(rows, key=lambda row: (row.regret is None, row.regret))


def marks(flashes: Iterable[FlashEvent]) -> list[dict[str, Any]]:
    """Flash events for the chart, in the form of the API's marks."""
    return [
        {
            "at": round(event.at.timestamp() * 1000),
            "kind": "flash",
            "label": f"{event.what}{f': asked for by {event.by}' if event.by else ''}",
            "url": "#flashes",
        }
        for event in flashes
    ]


def _mean(recommender: Recommender, name: str, now: datetime) -> float | None:
    points = series.read(recommender, name, now - SPAN, now)
    return fmean(value for _, value in points) if points else None


def _typical_hours(slug: str, flashes: Iterable[FlashEvent], now: datetime) -> float | None:
    """Of events of the last day only those that are decided."""
    decided = now - timedelta(seconds=LONGEST_HOURS * HOUR_SECONDS)
    rose = [event for event in flashes if event.rose(slug)]
    hours = [(event.at < decided, event.hours.get(slug)) for event in rose]
    known = [NEVER_BACK if one is None else one for old, one in hours if old or one is not None]
    return median(known) if known else None


def _updates(found: Sequence[Recommender]) -> dict[int, int]:
    promoted = Count("pk", filter=Q(kind=DeploymentKind.PROMOTION))
    of = Deployment.objects.filter(recommender__in=found).values("recommender")
    return dict(of.values_list("recommender").annotate(count=promoted))


def _cpu_seconds(found: Sequence[Recommender]) -> dict[int, float]:
    of = UpdateRun.objects.filter(recommender__in=found).values("recommender")
    return dict(of.values_list("recommender").annotate(spent=Sum("cpu_seconds")))
