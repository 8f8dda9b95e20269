"""Impressions whose window has ended become samples, each once."""

import logging
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import uuid4

import numpy as np
import pyarrow as pa
from django.utils import timezone

from recadmin.valkey import connection
from updates.flows.append_samples import append_samples
from updates.joiners import joiner_of
from updates.models import Recommender
from updates.samples.batches import to_ms
from updates.samples.joiner import Joiner, Step, Waiting
from updates.samples.joiner_rows import labelled, negatives_sampled, positives_of, shown
from updates.samples.stream import BatchConflict

logger = logging.getLogger(__name__)


def join_due(recommenders: Iterable[Recommender], now: datetime | None = None) -> None:
    """Join for all that have something due; one that fails stops no other.

    Raises LogUnavailable where not even that can be asked.
    """
    now = now or timezone.now()
    recommenders = list(recommenders)
    waiting = Joiner.waiting(connection(), map(joiner_of, recommenders)) if recommenders else []
    for recommender, found in zip(recommenders, waiting, strict=True):
        if _is_due(recommender, found, now):
            try:
                join(recommender, now)
            except Exception:
                logger.exception("joining for %s", recommender.slug)


def join(recommender: Recommender, now: datetime | None = None) -> bool:
    """Append all that is due and forget what is too old; false where another is at it.

    1. Batches whose window has ended are closed: no feedback changes their labels any more.
    2. Each is appended under a Batch-Id made of its number, then noted as appended. Whoever dies
       in between leaves it to the next, who makes the same bytes under the same Batch-Id.
    3. Positives that follow a fake negative are appended likewise, in groups.

    Raises LogUnavailable.
    """
    now = now or timezone.now()
    joiner = joiner_of(recommender)
    holder = uuid4().hex
    try:
        while (held := joiner.hold(holder)) and _append_step(joiner, recommender, now):
            pass
        while held and joiner.sweep(**_too_old(recommender, now)):
            held = joiner.hold(holder)
    finally:
        joiner.release(holder)
    return held


def _is_due(recommender: Recommender, found: Waiting, now: datetime) -> bool:
    old = _too_old(recommender, now)
    window_ended = to_ms(now) - _window_ms(recommender)
    return (
        found.positives > 0
        or _is_at_most(found.impression_ms, window_ended)
        or _is_at_most(found.remembered_ms, old["impressions_before_ms"] - 1)
        or _is_at_most(found.early_ms, old["early_before_ms"] - 1)
    )


def _is_at_most(at_ms: int | None, limit_ms: int) -> bool:
    return at_ms is not None and at_ms <= limit_ms


def _window_ms(recommender: Recommender) -> int:
    return 0 if recommender.fake_negatives else 1000 * recommender.join_window_seconds


def _too_old(recommender: Recommender, now: datetime) -> dict[str, int]:
    horizon = timedelta(seconds=recommender.feedback_horizon_seconds)
    early = timedelta(seconds=recommender.early_feedback_seconds)
    return {
        "impressions_before_ms": to_ms(now - horizon),
        "early_before_ms": to_ms(now - early),
    }


def _append_step(joiner: Joiner, recommender: Recommender, now: datetime) -> bool:
    """Append what one step takes; true where there may be more."""
    step = joiner.take(
        to_ms(now), _window_ms(recommender), fake_negatives=recommender.fake_negatives
    )
    for number in step.batches:
        _append_batch(joiner, recommender, step, number)
    if len(step.group):
        _append_group(joiner, recommender, step)
    return bool(step.batches) or len(step.group) > 0


def _append_batch(joiner: Joiner, recommender: Recommender, step: Step, number: int) -> None:
    found = joiner.read(number)
    if found is None:
        return
    rows, ids, out, positives = found
    impressions = shown(rows, recommender.sample_schema.arrow)
    joined = labelled(impressions, out, positives)
    new = np.delete(np.array(ids, object), out)
    samples = negatives_sampled(joined, new, recommender.negative_sampling_rate)
    if samples.num_rows:
        _append_once(recommender, samples, f"join-{step.epoch}-{number}")
    joiner.finish(
        number,
        positives=len(positives),
        negatives=samples.num_rows - len(positives),
        left_out=joined.num_rows - samples.num_rows,
    )


def _append_group(joiner: Joiner, recommender: Recommender, step: Step) -> None:
    batches, rows = step.group.T
    parts = []
    for number in np.unique(batches).tolist():
        stored = joiner.rows_of(number)
        if stored is not None:
            impressions = shown(stored, recommender.sample_schema.arrow)
            parts.append(positives_of(impressions, np.sort(rows[batches == number])))
    if parts:
        samples = pa.concat_batches(parts)
        _append_once(recommender, samples, f"join-{step.epoch}-positives-{step.group_number}")
    joiner.finish_group(step.group_number)


def _append_once(recommender: Recommender, samples: pa.RecordBatch, batch_id: str) -> None:
    # The epoch is known to nobody else: what has this Batch-Id already is this batch, perhaps
    # written as another release, or for the schema as it was, writes it.
    with suppress(BatchConflict):
        append_samples(recommender, samples, batch_id=batch_id, joined=True)
