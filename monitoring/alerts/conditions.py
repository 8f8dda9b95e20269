"""What is wrong now with each recommender, at a constant number of queries for a fleet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeAlias

from django.db.models import F, OuterRef, Subquery, prefetch_related_objects

from monitoring.alerts.kinds import KINDS, RUNS_IN_A_ROW, Condition
from monitoring.budget import burning
from monitoring.components import components
from monitoring.fleet import fleet_freshness
from monitoring.freshness import Freshness, FreshnessCause, FreshnessState, LiveFacts
from monitoring.frozen import frozen_conditions
from monitoring.models import DriftAlarm
from monitoring.obstacles import InTheWay, in_the_way
from monitoring.served import served_facts
from monitoring.sparsity.alert import limit_conditions
from updates.models import Recommender, UpdatePolicy, UpdateRun
from updates.models.run import FINISHED, RunState
from updates.samples.log import Head
from updates.words import duration, sentence

Conditions: TypeAlias = dict[tuple[int, str, str], Condition]
FEATURES_NAMED = 5
KIND_OF_RUNS = {
    RunState.FAILED: KINDS["failing-runs"],
    RunState.REJECTED: KINDS["rejected-runs"],
}


def conditions(
    recommenders: Sequence[Recommender], heads: Mapping[int, Head], now: datetime
) -> Conditions:
    """By key. ``heads`` : of their logs, by pk.

    Of challengers, which serve nobody, only that their updates do not succeed.
    """
    recommenders = [each for each in recommenders if each.challenges_id is None]
    served = served_facts(recommenders, now)
    obstacles = in_the_way(recommenders, now)
    fleet = fleet_freshness(recommenders, now, heads, served, obstacles)
    found = [
        condition
        for recommender in recommenders
        if (condition := _freshness(recommender, fleet[recommender.pk], obstacles, now))
    ]
    found += _components(recommenders, heads, served, obstacles, now)
    found += _budgets(recommenders, now)
    found += _drift()
    found += frozen_conditions()
    found += limit_conditions(recommenders, now)
    found += _runs()
    return {condition.key: condition for condition in found}


def tried(recommender: Recommender) -> str:
    """The last update of it, in a sentence: one query."""
    run = recommender.runs.select_related("policy").first()
    if run is None:
        return "No update was ever run."
    of = f"{run.strategy}, policy {run.policy.name}" if run.policy else f"{run.strategy}, by hand"
    at = run.finished_at or run.started_at or run.queued_at
    why = f": {run.error}" if run.error else ""
    return f"Run {run.pk} ({of}) {run.state} at {_clock(at)}{why}"


def _freshness(
    recommender: Recommender, fresh: Freshness, obstacles: InTheWay, now: datetime
) -> Condition | None:
    """That of its cause, where that is worth an alert."""
    if fresh.cause == FreshnessCause.NONE:
        return None
    if fresh.cause == FreshnessCause.SYNC_BROKEN:
        trouble = f" {obstacles.sync_broken[recommender.pk]}"
        return _condition(recommender, fresh, now, trouble=trouble)
    if fresh.cause == FreshnessCause.WORKER_DEAD:
        return _condition(recommender, fresh, now)
    # What was never live has nothing to keep fresh yet.
    if fresh.age_seconds is None:
        return None
    if fresh.cause == FreshnessCause.BACKLOG and fresh.state != FreshnessState.STALE:
        return None
    return _condition(recommender, fresh, now)


def _components(
    recommenders: Sequence[Recommender],
    heads: Mapping[int, Head],
    served: Mapping[int, LiveFacts],
    obstacles: InTheWay,
    now: datetime,
) -> Iterator[Condition]:
    """Of components that have an objective of their own; the others go with the whole."""
    own = [r for r in recommenders if r.component_objectives and r.live_version]
    prefetch_related_objects(own, "policies")
    for recommender in own:
        head = heads.get(recommender.pk)
        for part in components(recommender, now, head, served.get(recommender.pk), obstacles):
            stale = part.fresh.state == FreshnessState.STALE
            backlog = part.fresh.cause == FreshnessCause.BACKLOG
            if part.name in recommender.component_objectives and stale and backlog:
                yield _condition(recommender, part.fresh, now, part.name)


def _condition(
    recommender: Recommender,
    fresh: Freshness,
    now: datetime,
    component: str = "",
    trouble: str = "",
) -> Condition:
    return Condition(
        recommender.pk,
        KINDS[fresh.cause],
        component,
        _since(fresh, now),
        _summary(fresh, component) + trouble,
        f"age at most {duration(fresh.objective_seconds)}, grace {duration(fresh.grace_seconds)}",
        _patience(recommender, fresh),
    )


def _patience(recommender: Recommender, fresh: Freshness) -> timedelta:
    """Labels take the waiting window even when all is well."""
    waits = fresh.cause == FreshnessCause.LABELS_PENDING and not recommender.fake_negatives
    return timedelta(seconds=recommender.join_window_seconds if waits else 0)


def _since(fresh: Freshness, now: datetime) -> datetime:
    """When the age went over what is allowed; of a fault that may be any age, now."""
    allowed = float(fresh.objective_seconds)
    if fresh.cause == FreshnessCause.BACKLOG:
        allowed += fresh.grace_seconds
    elif fresh.cause not in (FreshnessCause.LABELS_PENDING, FreshnessCause.NO_TRAFFIC):
        return now
    return now - timedelta(seconds=(fresh.age_seconds or 0.0) - allowed)


def _summary(fresh: Freshness, component: str) -> str:
    of = f"Component {component}: " if component else ""
    age = "nothing is live" if fresh.age_seconds is None else f"age {duration(fresh.age_seconds)}"
    waiting = "" if fresh.backlog_samples is None else f"; {fresh.backlog_samples:,} samples wait"
    return sentence(f"{of}{fresh.state}, {age}{waiting}")


def _budgets(recommenders: Sequence[Recommender], now: datetime) -> Iterator[Condition]:
    """Recommenders that are overdue too often, each time perhaps for a short while: two queries."""
    slos = {r.pk: r.freshness_slo for r in recommenders}
    for pk, (long, short) in burning(recommenders, now).items():
        overdue = long.known_seconds - long.fresh_seconds
        yield Condition(
            pk,
            KINDS["budget-burning"],
            "",
            now,
            f"Overdue for {duration(overdue)} of the last {duration(long.seconds)}: "
            f"the budget is used {long.burn_rate:.1f} times as fast as it may be, and "
            f"{short.burn_rate:.1f} times in the last {duration(short.seconds)}.",
            f"fresh or idle for {slos[pk]:.4g} of the time",
        )


def _drift() -> Iterator[Condition]:
    """Recommenders of which an alarm of drift fires, which has its own duration and hysteresis: one
    query."""
    alarms_of_champions = DriftAlarm.objects.filter(recommender__challenges=None)
    firing = alarms_of_champions.filter(firing_since__isnull=False).order_by("firing_since", "pk")
    by_recommender: dict[int, list[DriftAlarm]] = defaultdict(list)
    for alarm in firing:
        by_recommender[alarm.recommender_id].append(alarm)
    for pk, alarms in by_recommender.items():
        names = [alarm.feature for alarm in alarms]
        more = f" and {len(names) - FEATURES_NAMED} more" if len(names) > FEATURES_NAMED else ""
        yield Condition(
            pk,
            KINDS["drift"],
            "",
            alarms[0].firing_since,
            f"Drifted: {', '.join(names[:FEATURES_NAMED])}{more}.",
            "no drift beyond the effect that counts and what chance does",
        )


def _runs() -> Iterator[Condition]:
    """Policies that are on and whose last runs all ended alike, badly: two queries."""
    ended = UpdateRun.objects.filter(
        recommender=OuterRef("recommender"), policy=OuterRef("pk"), state__in=FINISHED
    ).exclude(state=RunState.CANCELLED)
    newest = ended.order_by("-id")
    alike = UpdatePolicy.objects.filter(enabled=True).annotate(
        last=Subquery(newest.values("pk")[:1]),
        **{f"state_{i}": _nth(newest, i) for i in range(RUNS_IN_A_ROW)},
    )
    for i in range(1, RUNS_IN_A_ROW):
        alike = alike.filter(**{f"state_{i}": F("state_0")})
    alike = alike.filter(state_0__in=list(KIND_OF_RUNS))
    runs = UpdateRun.objects.select_related("policy").in_bulk([policy.last for policy in alike])
    for run in runs.values():
        yield Condition(
            run.recommender_id,
            KIND_OF_RUNS[RunState(run.state)],
            run.policy.name,
            run.finished_at,
            f"The last {RUNS_IN_A_ROW} runs of policy {run.policy.name} were all {run.state}.",
            "updates succeed",
        )


def _nth(runs: object, i: int) -> Subquery:
    return Subquery(runs.values("state")[i : i + 1])


def _clock(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
