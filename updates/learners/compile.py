"""Compile the numeric kernels once, into the cache beside their sources: ``make install`` does.

Without it the first samples, the first update and the first score of each process wait for the
compiler.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa

from updates.learners import registry
from updates.learners.base import Learner
from updates.learners.factors.client import user_step, user_step_pairs
from updates.learners.factors.history import History
from updates.learners.factors.recommend import best
from updates.samples.parse import parse_ndjson
from updates.samples.schema import SampleSchema

SCHEMA = SampleSchema(
    user="user",
    item="item",
    numeric=("price",),
    multivalued=("tags",),
    crosses=(("user", "item"), ("user", "tags"), ("tags", "tags")),
)


def samples(count: int = 600) -> pa.RecordBatch:
    """Rows with a field of each kind: so many keys that tables grow, days in which some expire."""
    first = datetime(2026, 1, 1, tzinfo=UTC)
    return pa.RecordBatch.from_pylist(
        [
            {
                "label": i % 2,
                "event_time": first + timedelta(minutes=10 * i),
                "weight": 1.0,
                "user": f"u{i % 300}",
                "item": f"i{i % 5}",
                "price": i / 10,
                "tags": [f"t{i % 3}", f"t{i % 4}"],
            }
            for i in range(count)
        ],
        schema=SCHEMA.arrow,
    )


def compile_kernels() -> None:
    """Parse a body of rows; put all variants of the installed learners through all they can."""
    parse_ndjson(
        SCHEMA, b'{"label": 1, "event_time": 0, "user": "u\\n", "item": "i", "tags": ["t"]}'
    )
    for kind in map(registry.get, registry.names()):
        for options in kind.variants:
            _use(kind(SCHEMA, options), kind(SCHEMA, options))
    _use_factors()


def _use(learner: Learner, serving: Learner) -> None:
    """Learn, save, load, predict, and follow what is learned next."""
    batch = samples()
    learner.fit([batch])
    learner.learn(batch)
    with tempfile.TemporaryDirectory() as folder:
        learner.save(Path(folder))
        serving.load_serving(Path(folder))
        serving.predict(batch)
    if learner.supports_delta:
        learner.track()
        learner.learn(batch)
        serving.apply(learner.delta())


def _use_factors() -> None:
    """What recommends, and what checks a device's vector."""
    user, items, ones = np.zeros(2, np.float32), np.ones((1, 2), np.float32), np.ones(1)
    user_step(user, 0.0, items, ones, ones, ones, 0.1, 0.0)
    user_step_pairs(user, (items, ones), (items, ones), ones, 0.1, 0.0)
    best(np.ones(1, np.float32), 1)
    history = History(1)
    history.remember(np.zeros(1, np.int64), np.ones(1, np.uint64))
    history.of(0)


if __name__ == "__main__":
    compile_kernels()
