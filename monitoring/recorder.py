"""Records what ``updates`` says has happened. It never breaks the sender: errors are logged."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import wraps
from typing import Any

import numpy as np
from django.db import transaction
from django.utils import timezone

from monitoring import feature_ages, feature_problems, learning_lag, metrics, series
from monitoring.alerts.evaluate import notice
from monitoring.challengers.foretold import remember
from monitoring.frozen import frozen_condition
from monitoring.quality.take import take_unseen
from monitoring.quality.windows import quality_values
from updates import signals
from updates.metrics import Quality
from updates.models import (
    Deployment,
    ModelVersion,
    PublishingFreeze,
    Recommender,
    UpdatePolicy,
    UpdateRun,
)
from updates.models.policy import Strategy
from updates.models.run import RunState

logger = logging.getLogger(__name__)

# By metric, which part of a component's sparsity it is.
_OF_COMPONENTS = {
    metrics.COMPONENT_ROWS: "admitted",
    metrics.COMPONENT_NON_ZERO: "non_zero",
    metrics.COMPONENT_DEPLOYED_BYTES: "deployed_bytes",
    metrics.COMPONENT_TINY_SHARE: "tiny_share",
}


def connect() -> None:
    """Listen to the signals of ``updates``; connecting again changes nothing."""
    signals.policy_fired.connect(on_policy_fired, dispatch_uid="monitoring.policy_fired")
    signals.learned.connect(on_learned, dispatch_uid="monitoring.learned")
    signals.synced.connect(on_synced, dispatch_uid="monitoring.synced")
    signals.features_used.connect(on_features_used, dispatch_uid="monitoring.features_used")
    signals.features_unknown.connect(on_features_unknown, dispatch_uid="monitoring.unknown")
    signals.evaluated.connect(on_evaluated, dispatch_uid="monitoring.evaluated")
    signals.promoted.connect(on_deployed, dispatch_uid="monitoring.promoted")
    signals.rolled_back.connect(on_deployed, dispatch_uid="monitoring.rolled_back")
    signals.publishing_frozen.connect(on_frozen, dispatch_uid="monitoring.publishing_frozen")


def harmless(receiver: Callable[..., None]) -> Callable[..., None]:
    """The receiver, its failures logged and its writes undone as if it had not been called."""

    @wraps(receiver)
    def guarded(**kwargs: Any) -> None:
        try:
            with transaction.atomic():
                receiver(**kwargs)
        except Exception:
            logger.exception("recording in %s", receiver.__name__)

    return guarded


@harmless
def on_policy_fired(
    policy: UpdatePolicy, run: UpdateRun, due_at: datetime, fired_at: datetime, **kwargs: Any
) -> None:
    """Declared against achieved cadence, for a fire that started a run."""
    if run.due_at != due_at:
        return  # it fell in with a run that was waiting already
    values = {
        metrics.DECLARED_CADENCE_SECONDS: _declared_seconds(policy, due_at),
        metrics.ACHIEVED_CADENCE_SECONDS: _achieved_seconds(policy, run),
    }
    series.record(policy.recommender, values, fired_at, policy)


@harmless
def on_evaluated(run: UpdateRun, evaluation: Any, **kwargs: Any) -> None:
    """What the run cost, and for a full one how far the live version had fallen behind it.

    Of a model that recadmin cannot predict with, and whose servers log nothing, also how well it
    predicted what judged it: its trainer's predictions are all that is known of its quality.
    """
    run.refresh_from_db(fields=["cpu_seconds", "strategy", "state"])
    gap = evaluation.to_json()["ne_gain"] if run.strategy == Strategy.FULL else None
    values = {metrics.RUN_CPU_SECONDS: run.cpu_seconds, metrics.OPTIMALITY_GAP: gap}
    about = run.recommender
    only_reported = not (about.trained_here or about.logs_predictions)
    if run.state == RunState.PROMOTED and only_reported and evaluation.candidate.judgeable:
        values |= quality_values(evaluation.candidate)
    series.record(run.recommender, values, timezone.now())


@harmless
def on_learned(run: UpdateRun, quality: Quality, newest: Any, **kwargs: Any) -> None:
    """How well an online session predicted what it then learned: all of it, and by slice and for
    the alarm on log loss the newest, which are kept to compare challengers too."""
    now = timezone.now()
    series.record(run.recommender, quality_values(quality), now)
    if newest is not None:
        remember(run.recommender, newest.samples, newest.predictions, now)
        take_unseen(run.recommender, newest.first_offset, newest.samples, newest.predictions)


@harmless
def on_synced(
    recommender: Recommender,
    lags_ms: np.ndarray,
    counts: np.ndarray,
    at: datetime,
    **kwargs: Any,
) -> None:
    """How long samples took to be served by this process."""
    learning_lag.count(recommender.pk, lags_ms, counts, at)


@harmless
def on_features_used(
    recommender: Recommender,
    ages_seconds: Mapping[str, float | Sequence[float]],
    rows: int,
    at: datetime,
    **kwargs: Any,
) -> None:
    """How old the features were that a request carried."""
    feature_ages.count(recommender.pk, ages_seconds, rows, at)


@harmless
def on_features_unknown(
    recommender: Recommender | None, source: str, problems: Sequence[str], **kwargs: Any
) -> None:
    """Why it is not known how old some features are."""
    feature_problems.remember(recommender, source, problems)


@harmless
def on_deployed(deployment: Deployment, **kwargs: Any) -> None:
    """How sparse the version is that went live, as a whole and by component."""
    version, at = deployment.version, deployment.started_at
    series.record(deployment.recommender, _sparsity(version), at=at)
    series.record_all(
        series.Measurement(version.recommender_id, name, part[key], at, part=component)
        for component, part in version.sparsity.get("components", {}).items()
        for name, key in _OF_COMPONENTS.items()
    )


@harmless
def on_frozen(freeze: PublishingFreeze, **kwargs: Any) -> None:
    """The alert begins now, and fires with the next evaluation."""
    notice(frozen_condition(freeze), timezone.now())


def _declared_seconds(policy: UpdatePolicy, due_at: datetime) -> float | None:
    following = policy.cadence.next_fire(last=due_at, after=due_at)
    return (following - due_at).total_seconds() if following else None


def _achieved_seconds(policy: UpdatePolicy, run: UpdateRun) -> float | None:
    earlier = policy.runs.filter(due_at__isnull=False, pk__lt=run.pk).order_by("-pk").first()
    return (run.queued_at - earlier.queued_at).total_seconds() if earlier else None


def _sparsity(version: ModelVersion) -> dict[str, float | None]:
    return {
        metrics.NON_ZERO_WEIGHTS: version.sparsity.get("non_zero"),
        metrics.SEEN_FEATURES: version.sparsity.get("seen"),
        metrics.ADMITTED_FEATURES: version.sparsity.get("admitted"),
        metrics.DEPLOYED_BYTES: version.sparsity.get("deployed_bytes"),
        metrics.TINY_SHARE: version.sparsity.get("tiny_share"),
    }
