"""Explain what a version learned: worked out by a worker, kept, worked out again as labels arrive.

A row says what is to be done; a message to a worker is a nudge that the tick sends again.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from datetime import timedelta

import numpy as np
import pyarrow as pa
import redis
from celery import current_app
from django.db import transaction
from django.utils import timezone
from kombu.exceptions import OperationalError

from recadmin.valkey import connection
from updates.artifacts import CorruptArtifact
from updates.explain.frame import Frame
from updates.explain.report import explain as explained
from updates.explain.sentences import Numbers
from updates.flows.mature import mature_samples
from updates.flows.turn import turn
from updates.learners.base import Learner, TrainedElsewhere
from updates.learners.registry import UnknownLearner
from updates.models import Explanation, ModelVersion, Recommender
from updates.models.explanation import ExplanationState
from updates.samples.archive import CorruptSegment
from updates.samples.batches import OFFSET, POSITION, conform
from updates.samples.log import LogGap, LogUnavailable, SampleLog
from updates.samples.schema import WEIGHT
from updates.serving.loader import load
from updates.words import sentence

logger = logging.getLogger(__name__)

# Samples at most that both versions have learned, that one of them has, and that neither has.
BEFORE, NEWS, SINCE = 40_000, 40_000, 20_000
# It is worked out again after so long, once so many more samples have come since: a tenth where
# somebody asks, and unasked twice as many.
REST, LEAST_MORE, GROWTH, GROWTH_UNASKED = timedelta(seconds=30), 50, 0.1, 1.0
NUDGE_AGAIN_SECONDS = 10
FORESEEN = (CorruptArtifact, CorruptSegment, UnknownLearner, LogGap, LogUnavailable)


class NotExplainable(RuntimeError):
    """There is nothing that the version could be held against."""


def explanation_of(
    version: ModelVersion, against: ModelVersion | None = None, growth: float = GROWTH
) -> Explanation:
    """The explanation of a version against its parent, or another of the same recommender, as far
    as it is worked out; asked for where it is not, or where more can be said by now.

    growth : what counts as more, as a share of the samples since. Raises NotExplainable.
    """
    against = against or version.parent
    if not version.recommender.trained_here:
        raise NotExplainable(f"{TrainedElsewhere(version.learner, 'an explanation')}")
    if against is None:
        raise NotExplainable(f"Version {version.number} was built on nothing: it is the first.")
    if against == version:
        raise NotExplainable(f"Version {version.number} does not differ from itself.")
    _ensure_files(version, against)
    with transaction.atomic():
        found, new = Explanation.ask(version, against)
        again = not new and _has_more(found, version, against, growth)
        if again:
            found.ask_again()
        if new or again:
            transaction.on_commit(lambda: nudge(found))
    return found


def _ensure_files(version: ModelVersion, against: ModelVersion) -> None:
    """What was worked out before files were deleted stays; nothing can be after it."""
    gone = [each for each in (version, against) if each.pruned_at]
    if gone and not Explanation.objects.filter(version=version, against=against).exists():
        raise NotExplainable(
            f"The files of version {gone[0].number} are no longer kept: it cannot be compared."
        )


def _has_more(
    found: Explanation, version: ModelVersion, against: ModelVersion, growth: float
) -> bool:
    """Whether enough has come since it was worked out; never once SINCE samples were looked at
    whose labels all were final, nor where files are gone."""
    if found.state == ExplanationState.QUEUED or version.pruned_at or against.pruned_at:
        return False
    if timezone.now() - (found.computed_at or found.asked_at) < REST:
        return False
    if found.state == ExplanationState.FAILED:
        return True
    since = found.content["samples"]["since"]
    first = max(version.next_offset, against.next_offset)
    try:
        last = min(SampleLog(version.recommender).head().last_offset, first + SINCE - 1)
    except LogUnavailable:
        return False
    more = last - found.through_offset + since["samples"] - since["labelled"]
    return bool(more >= max(LEAST_MORE, growth * since["samples"]))


def nudge(explanation: Explanation) -> None:
    """Tell a worker, at most every few seconds."""
    key = f"recadmin:explanation:{explanation.pk}:nudged"
    try:
        if connection().set(key, 1, nx=True, ex=NUDGE_AGAIN_SECONDS):
            _send(explanation)
    except (redis.RedisError, OperationalError, OSError) as error:
        logger.warning("%s is queued, but no worker could be told: %s", explanation, error)


def _send(explanation: Explanation) -> None:
    current_app.send_task(
        "updates.tasks.explain_version", args=[explanation.pk], queue="runs", retry=False
    )


def _send_next() -> None:
    """The one that has waited longest, at once: its turn has come. Where that fails the tick says
    so and does it."""
    waiting = Explanation.objects.filter(state=ExplanationState.QUEUED)
    following = waiting.order_by("asked_at", "pk").first()
    if following is not None:
        with suppress(redis.RedisError, OperationalError, OSError):
            _send(following)


def look_after_explanations() -> None:
    """Remind workers of those that are queued."""
    for explanation in Explanation.objects.filter(state=ExplanationState.QUEUED):
        nudge(explanation)


def explain_live() -> None:
    """Ask for what live versions learned, and again as labels arrive."""
    built_on_kept = Recommender.objects.filter(
        live_version__pruned_at=None,
        live_version__parent__isnull=False,
        live_version__parent__pruned_at=None,
    )
    for recommender in built_on_kept.select_related("live_version__parent"):
        live = recommender.live_version
        live.recommender = recommender
        if recommender.trained_here:
            explanation_of(live, growth=GROWTH_UNASKED)


def explain(explanation_id: int) -> None:
    """Work out a queued explanation; nothing where it was not to be had.

    One at a time: trees may take a minute, and updates want workers too. What finds another one
    under way stays queued.
    """
    with turn("explanations") as ours:
        found = (
            Explanation.objects.select_related("version__recommender", "against")
            .filter(pk=explanation_id)
            .first()
        )
        if not ours or found is None or not found.begin():
            return
        _work_out(found)
    _send_next()


def _work_out(found: Explanation) -> None:
    begun = time.process_time()
    try:
        content, through = _explained(found.version, found.against)
    except FORESEEN as reason:
        found.fail(sentence(str(reason)))
    except Exception as error:
        logger.exception("%s", found)
        found.fail(sentence(f"{type(error).__name__}: {error}"))
    else:
        found.finish(content, through, time.process_time() - begun)


def _explained(version: ModelVersion, against: ModelVersion) -> tuple[dict[str, object], int]:
    learners = load(against, serving=False), load(version, serving=False)
    frame = _frame(version, against, *learners)
    lesser = version if frame.reverse else against
    numbers = Numbers(version.number, against.number, lesser.number)
    through = int(frame.offsets[-1]) if len(frame.offsets) else 0
    learned_on = version.begun_with(against)
    return explained(frame, numbers, *learners, learned_on=learned_on).to_json(), through


def _frame(
    version: ModelVersion, against: ModelVersion, their_learner: Learner, learner: Learner
) -> Frame:
    recommender, schema = version.recommender, learner.schema
    first_news, first_since = sorted([version.next_offset, against.next_offset])
    log = SampleLog(recommender)
    spans = [
        (first_news - BEFORE, first_news),
        (max(first_news, first_since - NEWS), first_since),
        (first_since, first_since + SINCE),
    ]
    batches = [batch for span in spans for batch in log.read(*span)]
    samples = pa.Table.from_batches(
        batches, pa.schema([*POSITION, *recommender.sample_schema.arrow])
    )
    known = [conform(batch, schema.arrow) for batch in batches]
    table = pa.Table.from_batches(known, schema.arrow).combine_chunks()
    mature = mature_samples(samples, recommender)
    labels = np.full(samples.num_rows, np.nan)
    labels[mature.rows] = mature.labels
    return Frame(
        schema=schema,
        table=table,
        offsets=samples.column(OFFSET).to_numpy(),
        first_news=first_news,
        first_since=first_since,
        labels=labels,
        weights=table.column(WEIGHT).to_numpy().astype(np.float64),
        against=_predict(their_learner, table),
        version=_predict(learner, table),
        reverse=version.next_offset < against.next_offset,
    )


def _predict(learner: Learner, table: pa.Table) -> np.ndarray:
    parts = (conform(batch, learner.schema.arrow) for batch in table.to_batches())
    return np.concatenate([np.empty(0), *map(learner.predict, parts)])
