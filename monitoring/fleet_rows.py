"""What the fleet page says of each recommender, at a constant number of queries."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Avg, F, OuterRef, Subquery

from monitoring import metrics
from monitoring.age_bar import AgeBar
from monitoring.alerts.shown import counts
from monitoring.freshness import Freshness
from monitoring.models import TenSecondPoint
from monitoring.sparkline import Sparkline
from updates.models import Recommender, UpdatePolicy, UpdateRun

SPARK_SPAN = timedelta(hours=1)
SPARK_STEP_SECONDS = 60


@dataclass(frozen=True)
class FleetRow:
    """One line of the fleet page.

    ne : averages of each minute of the last hour, oldest first; empty when nothing was measured.
    next_due_at : the earliest time at which a policy fires; ``waits_for`` says what else would.
    """

    recommender: Recommender
    freshness: Freshness
    bar: AgeBar
    last_run: UpdateRun | None
    ne: Sparkline
    next_due_at: datetime | None
    waits_for: str
    open_alerts: int


def fleet_rows(
    recommenders: Sequence[Recommender], fleet: dict[int, Freshness], now: datetime
) -> list[FleetRow]:
    """A row a recommender, in their order, whose freshness is in ``fleet`` by pk."""
    runs = _last_runs(recommenders)
    ne = _ne_by_minute(recommenders, now)
    policies = _policies(recommenders)
    alerts = counts(recommenders)
    return [
        FleetRow(
            recommender=r,
            freshness=fleet[r.pk],
            bar=AgeBar.of(fleet[r.pk]),
            last_run=runs.get(r.pk),
            ne=Sparkline(ne[r.pk]),
            next_due_at=min((p.next_due_at for p in _timed(policies[r.pk])), default=None),
            waits_for=_waits_for(policies[r.pk]),
            open_alerts=alerts.get(r.pk, 0),
        )
        for r in recommenders
    ]


def _last_runs(recommenders: Sequence[Recommender]) -> dict[int, UpdateRun]:
    newest = UpdateRun.objects.filter(recommender=OuterRef("pk")).order_by("-id").values("pk")[:1]
    ids = (
        Recommender.objects.filter(pk__in=[r.pk for r in recommenders])
        .annotate(last_run=Subquery(newest))
        .values("last_run")
    )
    return {run.recommender_id: run for run in UpdateRun.objects.filter(pk__in=ids)}


def _ne_by_minute(recommenders: Sequence[Recommender], now: datetime) -> dict[int, list[float]]:
    rows = (
        TenSecondPoint.objects.filter(
            series__recommender__in=[r.pk for r in recommenders],
            series__name=metrics.NE,
            t__gte=int((now - SPARK_SPAN).timestamp()),
        )
        .values(pk_=F("series__recommender_id"), minute=F("t") / SPARK_STEP_SECONDS)
        .annotate(ne=Avg("value"))
        .order_by("minute")
    )
    values = defaultdict(list)
    for row in rows:
        values[row["pk_"]].append(row["ne"])
    return values


def _policies(recommenders: Sequence[Recommender]) -> dict[int, list[UpdatePolicy]]:
    found = defaultdict(list)
    for policy in UpdatePolicy.objects.filter(recommender__in=[r.pk for r in recommenders]):
        found[policy.recommender_id].append(policy)
    return found


def _timed(policies: list[UpdatePolicy]) -> list[UpdatePolicy]:
    return [p for p in policies if p.active and p.cadence.timed and p.next_due_at]


def _waits_for(policies: list[UpdatePolicy]) -> str:
    if not policies:
        return "no policy"
    if any(p.hold_reason for p in policies):
        return "held by a roll-back"
    if not any(p.enabled for p in policies):
        return "paused"
    triggers = {p.trigger for p in policies if p.enabled and not p.cadence.timed}
    return ", ".join(f"on {trigger}" for trigger in sorted(triggers))
