"""What is measured by the clock."""

import logging
from collections.abc import Mapping
from datetime import datetime

from celery import shared_task
from django.db.models import prefetch_related_objects
from django.utils import timezone

from monitoring import (
    devices,
    drift_alarms,
    feature_ages,
    learning_lag,
    metrics,
    sketched_again,
    sketches,
)
from monitoring.alerts.deliver import deliver
from monitoring.alerts.evaluate import evaluate
from monitoring.challengers import foretold, hours
from monitoring.challengers.compare import compare_all
from monitoring.components import components
from monitoring.fleet import fleet_freshness, log_heads
from monitoring.freshness import Freshness, FreshnessState, LiveFacts
from monitoring.live_quality import judge
from monitoring.models import LiveScoring
from monitoring.quality import degradation, values_met
from monitoring.retention import prune
from monitoring.roll_up import roll_up
from monitoring.scorecard import episodes
from monitoring.scorecard.settle import settle
from monitoring.series import Measurement, record, record_all
from monitoring.served import online_positions, served_facts
from monitoring.sparsity.count import count_all
from updates.artifacts import CorruptArtifact
from updates.models import Recommender, UpdatePolicy
from updates.models.policy import Strategy
from updates.samples.log import Head, LogUnavailable

logger = logging.getLogger(__name__)


@shared_task
def observe() -> None:
    """Record how fresh all recommenders and features are; judge live versions on arrivals."""
    now = timezone.now()
    recommenders = list(Recommender.objects.select_related("live_version"))
    heads = log_heads(recommenders)
    online = online_positions(recommenders)
    served = served_facts(recommenders, now, online)
    _record_freshness(fleet_freshness(recommenders, now, heads, served), now)
    _record_component_ages(recommenders, now, served)
    _record_counted(recommenders, now)
    # Online sessions judge what they learn themselves, before they learn it.
    _judge_all([r for r in recommenders if r.pk not in online], heads, now)


@shared_task
def compare_challengers() -> None:
    """Compare challengers with their champions on what has arrived."""
    compared = Recommender.objects.exclude(challenges=None, challengers=None).distinct()
    recommenders = list(compared)
    heads, online = log_heads(recommenders), online_positions(recommenders)
    compare_all(recommenders, heads, online, timezone.now())


@shared_task
def keep_series() -> None:
    """Roll up what was recorded; delete what is no longer kept."""
    now = timezone.now()
    roll_up(now)
    prune(now)
    foretold.prune(now)
    hours.coarsen(now)


@shared_task
def observe_devices() -> None:
    """Record how fresh the vectors are of users whose devices refresh them."""
    now = timezone.now()
    told = UpdatePolicy.objects.filter(strategy=Strategy.CLIENT, enabled=True)
    recommenders = list(
        Recommender.objects.filter(policies__in=told).select_related("live_version").distinct()
    )
    heads, served = log_heads(recommenders), served_facts(recommenders, now)
    for recommender in recommenders:
        try:
            found = devices.measure(
                recommender, heads[recommender.pk], served.get(recommender.pk), now
            )
        except (KeyError, LogUnavailable) as error:
            logger.warning("%s: users are not looked at: %s", recommender.slug, error)
            continue
        if found is not None:
            record(recommender, {metrics.FRESH_USER_SHARE: found.share}, now)


@shared_task
def observe_turnover() -> None:
    """Count features that came and went with what was deployed since."""
    count_all()


@shared_task
def watch() -> None:
    """Have alerts begin, fire and be resolved."""
    evaluate(timezone.now())


@shared_task
def tell() -> None:
    """Send what the outbox of alerts holds."""
    deliver(timezone.now())


def _record_counted(recommenders: list[Recommender], now: datetime) -> None:
    """What serving processes have counted in Valkey."""
    known = {recommender.pk for recommender in recommenders}
    try:
        for counted in (learning_lag, feature_ages):
            record_all(m for m in counted.measured(now) if m.recommender_id in known)
    except LogUnavailable as error:
        logger.warning("learning lag and ages of features are not recorded: %s", error)


def _record_freshness(fleet: dict[int, Freshness], now: datetime) -> None:
    record_all(
        Measurement(pk, name, value, now)
        for pk, fresh in fleet.items()
        for name, value in (
            (metrics.AGE_SECONDS, fresh.age_seconds),
            (metrics.LAG_SECONDS, fresh.lag_seconds),
            (metrics.BACKLOG_SAMPLES, fresh.backlog_samples),
            (metrics.FRESH_SHARE, _in_time(fresh)),
        )
    )


def _in_time(fresh: Freshness) -> float | None:
    if fresh.state == FreshnessState.UNKNOWN:
        return None
    return float(fresh.state in (FreshnessState.FRESH, FreshnessState.IDLE))


def _record_component_ages(
    recommenders: list[Recommender], now: datetime, served: Mapping[int, LiveFacts]
) -> None:
    several = [r for r in recommenders if r.live_version and len(r.live_version.components) > 1]
    prefetch_related_objects(several, "policies")
    record_all(
        Measurement(
            recommender.pk,
            metrics.COMPONENT_AGE_SECONDS,
            part.fresh.age_seconds,
            now,
            part=part.name,
        )
        for recommender in several
        for part in components(recommender, now, None, served.get(recommender.pk))
    )


def _judge_all(recommenders: list[Recommender], heads: dict[int, Head], now: datetime) -> None:
    judged_to = dict(LiveScoring.objects.values_list("pk", "next_offset"))
    for recommender in recommenders:
        head = heads.get(recommender.pk)
        if head is None or head.last_offset < judged_to.get(recommender.pk, 1):
            continue
        try:
            judge(recommender, head.last_offset, now)
        except CorruptArtifact as error:
            logger.warning("%s cannot be judged: %s", recommender.slug, error)
        except Exception:
            # One model that cannot be loaded must not hide how the others do.
            logger.exception("judging %s", recommender.slug)


@shared_task
def observe_drift() -> None:
    """Sketch what has arrived, and look whether it has drifted from what was learned; settle
    earlier alarms, and have policies fire because of the present ones."""
    now = timezone.now()
    recommenders = list(Recommender.objects.select_related("live_version"))
    heads, rule = log_heads(recommenders), drift_alarms.rule_of(recommenders)
    quarantined = sketched_again.ever_quarantined()
    for recommender in recommenders:
        head = heads.get(recommender.pk)
        try:
            changed = 0
            if head:
                values_met.follow(recommender, head.last_offset)
                changed = sketches.follow(recommender, head.last_offset)
            if recommender.log_owner_id in quarantined:
                changed += sketched_again.sketch_again(recommender, now)
            if changed:
                drift_alarms.look(recommender, rule, now)
            sketches.coarsen(recommender, now)
        except Exception:
            # One log that cannot be read must not hide how the others drift.
            logger.exception("drift of %s", recommender.slug)
    settle(now)
    episodes.tell(now)
    degradation.watch(now)
