"""What the fleet page says of each recommender, at a constant number of queries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from monitoring.age_bar import AgeBar
from monitoring.alerts.shown import counts
from monitoring.fleet_members import Member
from monitoring.fleet_points import ne_by_minute
from monitoring.fleet_updates import last_reports, last_runs, policies_of
from monitoring.freshness import Freshness
from monitoring.remedies import Remedy, remedy
from monitoring.sparkline import Sparkline
from updates.models import ModelVersion, UpdatePolicy, UpdateRun


@dataclass(frozen=True)
class FleetRow:
    """One line of the fleet page.

    ne : averages of each minute of the last hour, oldest first; empty when nothing was measured.
    last_report : the newest version, of what is updated elsewhere.
    next_due_at : the earliest time at which a policy fires; ``waits_for`` says what else would.
    remedy : what to press, where something fresh is wanted.
    """

    recommender: Member
    freshness: Freshness
    bar: AgeBar
    last_run: UpdateRun | None
    last_report: ModelVersion | None
    ne: Sparkline
    next_due_at: datetime | None
    waits_for: str
    open_alerts: int
    remedy: Remedy | None


def fleet_rows(
    recommenders: Sequence[Member], fleet: dict[int, Freshness], now: datetime
) -> list[FleetRow]:
    """A row a recommender, in their order, whose freshness is in ``fleet`` by pk."""
    pks = [r.pk for r in recommenders]
    runs = last_runs(pks)
    ne = ne_by_minute(pks, now)
    policies = policies_of(pks)
    alerts = counts(recommenders)
    reports = last_reports([r.pk for r in recommenders if not r.updated_here])
    return [
        FleetRow(
            recommender=r,
            freshness=fleet[r.pk],
            bar=AgeBar.of(fleet[r.pk]),
            last_run=runs.get(r.pk),
            last_report=reports.get(r.pk),
            ne=Sparkline(ne[r.pk]),
            next_due_at=min((p.next_due_at for p in _timed(policies[r.pk])), default=None),
            waits_for=_waits_for(policies[r.pk]) if r.updated_here else "elsewhere",
            open_alerts=alerts.get(r.pk, 0),
            remedy=remedy(r, fleet[r.pk], policies[r.pk], runs.get(r.pk)),
        )
        for r in recommenders
    ]


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
