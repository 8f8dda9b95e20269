"""The recommenders' part of a scrape."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime

from django.db.models import Count, OuterRef, Subquery, Sum

from monitoring import learning_lag
from monitoring.components import components
from monitoring.fleet import fleet_freshness, log_heads
from monitoring.freshness import Freshness, FreshnessState, LiveFacts
from monitoring.prometheus import families
from monitoring.prometheus.finished import FinishedRuns
from monitoring.prometheus.values import Values
from monitoring.served import served_facts
from monitoring.servers import enabled_servers
from updates.models import PublishingFreeze, Recommender, ServingReport, UpdateRun
from updates.models.run import ACTIVE, FINISHED
from updates.models.serving_report import SyncState
from updates.samples.durable import LogUnavailable
from updates.samples.log import Head

logger = logging.getLogger(__name__)

# A process that is gone runs no more.
SYNC_STATES = [state for state in SyncState if state != SyncState.GONE]
MILLISECONDS = 1000
# Nothing of it is told: it stays in the database.
UNTOLD = ("learner_options", "live_version__metrics", "live_version__sparsity")


def add_fleet(
    values: Values, finished: FinishedRuns, now: datetime, *, valkey_answers: bool
) -> None:
    """All recommenders; without what only Valkey knows where it does not answer."""
    found = Recommender.objects.select_related("live_version").prefetch_related("policies")
    recommenders = list(found.defer(*UNTOLD))
    heads = log_heads(recommenders) if valkey_answers else {}
    served = served_facts(recommenders, now, None if valkey_answers else {})
    fleet = fleet_freshness(recommenders, now, heads, served)
    for recommender in recommenders:
        slug, head = recommender.slug, heads.get(recommender.pk)
        _add_freshness(values, slug, fleet[recommender.pk])
        _add_components(values, recommender, now, head, served)
        if recommender.live_version:
            values.add(families.LIVE_VERSION, recommender.live_version.number, slug)
        if head:
            values.add(families.SAMPLES_APPENDED, head.last_offset, slug)
    slugs = {recommender.pk: recommender.slug for recommender in recommenders}
    _add_runs(values, slugs, finished, now)
    _add_last_updates(values, slugs)
    _add_serving(values, slugs, now)
    _add_servers(values, slugs, now)
    if valkey_answers:
        _add_learning_lags(values, slugs, now)


def _add_freshness(values: Values, slug: str, fresh: Freshness) -> None:
    values.add(families.AGE, fresh.age_seconds, slug)
    values.add(families.OBJECTIVE, fresh.objective_seconds, slug)
    values.add(families.GRACE, fresh.grace_seconds, slug)
    values.add(families.LAG, fresh.lag_seconds, slug)
    values.add(families.BACKLOG, fresh.backlog_samples, slug)
    values.add_one_of(families.STATE, fresh.state, FreshnessState, slug)


def _add_components(
    values: Values,
    recommender: Recommender,
    now: datetime,
    head: Head | None,
    served: Mapping[int, LiveFacts],
) -> None:
    for part in components(recommender, now, head, served.get(recommender.pk)):
        of = (recommender.slug, part.name)
        values.add(families.COMPONENT_AGE, part.fresh.age_seconds, *of)
        values.add(families.COMPONENT_OBJECTIVE, part.fresh.objective_seconds, *of)
        values.add(families.COMPONENT_LAG, part.fresh.lag_seconds, *of)
        values.add(families.COMPONENT_BACKLOG, part.fresh.backlog_samples, *of)


def _add_runs(
    values: Values, slugs: Mapping[int, str], finished: FinishedRuns, now: datetime
) -> None:
    rows = UpdateRun.objects.active().order_by().values_list("recommender", "state")
    active: Counter[tuple[int, str]] = Counter()
    spent: Counter[int] = Counter()
    for pk, state, count, cpu in rows.annotate(Count("pk"), Sum("cpu_seconds")):
        active[pk, state] = count
        spent[pk] += cpu
    runs, cpu_seconds = finished.totals(now)
    for pk, slug in slugs.items():
        for state in ACTIVE:
            values.add(families.ACTIVE_RUNS, active[pk, state], slug, state)
        for state in FINISHED:
            values.add(families.FINISHED_RUNS, runs[pk, state], slug, state)
        values.add(families.CPU, sum(cpu_seconds[pk, state] for state in FINISHED), slug)
        values.add(families.ACTIVE_CPU, spent[pk], slug)


def _add_last_updates(values: Values, slugs: Mapping[int, str]) -> None:
    ended = UpdateRun.objects.filter(recommender=OuterRef("pk"), state__in=FINISHED)
    newest = Recommender.objects.annotate(run=Subquery(ended.order_by("-pk").values("pk")[:1]))
    runs = UpdateRun.objects.filter(pk__in=newest.order_by().values("run")).order_by()
    for pk, state, finished_at in runs.values_list("recommender", "state", "finished_at"):
        if pk in slugs:
            values.add_one_of(families.LAST_UPDATE, state, FINISHED, slugs[pk])
            values.add(families.LAST_UPDATE_AT, finished_at.timestamp(), slugs[pk])


def _add_serving(values: Values, slugs: Mapping[int, str], now: datetime) -> None:
    states: Counter[tuple[int, str]] = Counter()
    behind: defaultdict[int, list[float]] = defaultdict(list)
    frozen = set(
        PublishingFreeze.objects.filter(ended_at=None).values_list("recommender", flat=True)
    )
    for report in ServingReport.objects.running(now):
        state = report.sync_state(now, frozen=report.recommender_id in frozen)
        states[report.recommender_id, state] += 1
        if (since := report.behind_since) is not None:
            seconds = (report.reported_at - since).total_seconds()
            behind[report.recommender_id].append(max(0.0, seconds))
    for pk, slug in slugs.items():
        for state in SYNC_STATES:
            values.add(families.SERVING_PROCESSES, states[pk, state], slug, state)
        values.add(families.SERVING_LAG, max(behind[pk], default=None), slug)


def _add_servers(values: Values, slugs: Mapping[int, str], now: datetime) -> None:
    for server in enabled_servers(slugs.keys(), now):
        target = server.target
        if slug := slugs.get(target.recommender_id):
            since = target.behind_since or now
            values.add(families.SERVER_AGE, server.age_seconds, slug, target.name)
            values.add(families.SERVER_BEHIND, (now - since).total_seconds(), slug, target.name)


def _add_learning_lags(values: Values, slugs: Mapping[int, str], now: datetime) -> None:
    try:
        newest = {(m.recommender_id, m.name): m for m in reversed(list(learning_lag.measured(now)))}
    except LogUnavailable as error:
        logger.warning("metrics without learning lags: %s", error)
        return
    for (pk, name), measured in newest.items():
        if pk in slugs:
            percentile = f"{learning_lag.QUANTILES[name]:.0%}".rstrip("%")
            seconds = measured.value / MILLISECONDS
            values.add(families.LEARNING_LAG, seconds, slugs[pk], percentile)
