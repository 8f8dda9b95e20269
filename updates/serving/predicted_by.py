"""Which versions the predictions of a recommender's own servers name, lately.

Counted in Valkey by the minute of their event times: what was predicted long ago and is sent now
says nothing of what answers. Shares tell which version serves; nothing else rests on the counts.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from datetime import datetime

import numpy as np
import pyarrow as pa
import redis

from recadmin.valkey import impatient
from updates.models import Recommender
from updates.models.log_owner import stream_key
from updates.models.version import LONGEST_NAME
from updates.samples.batches import to_ms
from updates.samples.schema import EVENT_TIME

logger = logging.getLogger(__name__)

MINUTE_MS = 60_000
# So many minutes back a prediction says what answers now.
LATELY_MINUTES = 10
# The newest minutes that hold so many predictions are enough to tell.
ENOUGH = 100
# A field that names no versions, but requests, must not fill the memory.
MOST_NAMES = 50


def note(recommender: Recommender, predictions: pa.RecordBatch, now: datetime) -> None:
    """Count the predictions of a batch by the version that they name, which its schema must have a
    field for; none where Valkey does not answer at once: the next ones tell as well."""
    names = predictions.column(recommender.sample_schema.version)
    minutes = np.asarray(predictions.column(EVENT_TIME).view(pa.int64())) // MINUTE_MS
    present = to_ms(now) // MINUTE_MS
    recent = pa.array((minutes > present - LATELY_MINUTES) & (minutes <= present + 1))
    table = pa.table({"name": names, "minute": minutes}).filter(recent).drop_null()
    counted = table.group_by(["minute", "name"]).aggregate([([], "count_all")])
    most = counted.sort_by([("count_all", "descending")]).slice(0, MOST_NAMES)
    try:
        with impatient().pipeline(transaction=False) as pipeline:
            for row in most.to_pylist():
                key = _key(recommender.pk, min(row["minute"], present))
                pipeline.hincrby(key, row["name"][:LONGEST_NAME], row["count_all"])
                pipeline.expire(key, (LATELY_MINUTES + 2) * 60)
            pipeline.execute()
    except redis.RedisError as error:
        logger.warning("predictions of %s are not counted: %s", recommender.slug, error)


def lately(pks: Iterable[int], now: datetime) -> dict[int, Counter[str]]:
    """By recommender, how many of the newest predictions name which version: of the newest minutes
    with at least 100 of them, at most ten. In one round trip; nothing where Valkey does not
    answer."""
    pks = list(pks)
    if not pks:
        return {}
    present = to_ms(now) // MINUTE_MS
    minutes = range(present, present - LATELY_MINUTES, -1)
    try:
        with impatient().pipeline(transaction=False) as pipeline:
            for pk in pks:
                for minute in minutes:
                    pipeline.hgetall(_key(pk, minute))
            replies = iter(pipeline.execute())
    except redis.RedisError as error:
        logger.warning("what predictions name is not known: %s", error)
        return {}
    return {pk: _newest([next(replies) for _ in minutes]) for pk in pks}


def _newest(minutes: Iterable[dict[bytes, bytes]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for counts in minutes:
        found.update({name.decode(): int(count) for name, count in counts.items()})
        if found.total() >= ENOUGH:
            break
    return found


def _key(pk: int, minute: int) -> str:
    return f"{stream_key(pk)}:predicted-by:{minute}"
