"""How long learning stands still while its state goes to disk: by itself, and beside it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa

from tests.benchmarks.harness import Table, percentiles_ms, spread
from updates.artifacts import ArtifactStore
from updates.learners.sparse.linear import SparseLinear
from updates.samples.schema import SampleSchema

SCHEMA = SampleSchema(item="item", categorical=tuple(f"c{i}" for i in range(9)))
BETWEEN = 20  # steps before a checkpoint and after it


def tables(
    keys: int = 2_000_000, rows_a_step: int = 1_000, repetitions: int = 5
) -> Iterator[Table]:
    """The time between two steps of learning, with a checkpoint under way."""
    learner = SparseLinear(SCHEMA)
    learner.learn(_batch(np.arange(keys)))
    steps = _batch(np.random.default_rng(1).integers(0, keys, rows_a_step))
    kinds = {"none": _nothing, "by the thread that learns": _alone, "beside it": _beside}
    rows = []
    with TemporaryDirectory() as folder:
        store = ArtifactStore(Path(folder))
        for name, checkpoint in kinds.items():
            rounds = [_gaps(learner, steps, checkpoint, store) for _ in range(repetitions)]
            rows.append(
                {
                    "checkpoint": name,
                    "longest pause, ms: min / median / max": spread([1e3 * max(r) for r in rounds]),
                    **percentiles_ms(np.concatenate(rounds)),
                }
            )
    note = f"Steps of {rows_a_step:,} samples of 10 features, {keys:,} keys in the table."
    yield Table("Checkpoints: time from one step of learning to the next", rows, note)


def _batch(items: np.ndarray) -> pa.RecordBatch:
    texts = pa.array(items).cast(pa.string())
    few = {f"c{i}": pa.array(items % (10 + i)).cast(pa.string()) for i in range(9)}
    columns = {
        "label": pa.array((items % 3 == 0).astype(np.float32)),
        "event_time": pa.array(items.astype("datetime64[ms]")),
        "weight": pa.array(np.ones(len(items), np.float32)),
        "item": texts,
        **few,
    }
    arrow = SCHEMA.arrow
    return pa.RecordBatch.from_arrays(
        [columns[field.name].cast(field.type) for field in arrow], schema=arrow
    )


def _gaps(
    learner: SparseLinear,
    batch: pa.RecordBatch,
    checkpoint: Callable[[SparseLinear, ArtifactStore], threading.Thread | None],
    store: ArtifactStore,
) -> list[float]:
    """Seconds from the end of each step to that of the next, a checkpoint between two of them."""
    ends, saving, number = [], None, 0
    while number < 2 * BETWEEN or (saving is not None and saving.is_alive()):
        learner.learn(batch)
        ends.append(time.perf_counter())
        number += 1
        if number == BETWEEN:
            saving = checkpoint(learner, store)
    return list(np.diff(ends))


def _nothing(learner: SparseLinear, store: ArtifactStore) -> None:
    """No checkpoint: what the machine does besides."""


def _alone(learner: SparseLinear, store: ArtifactStore) -> None:
    store.publish(learner.save, {})


def _beside(learner: SparseLinear, store: ArtifactStore) -> threading.Thread:
    frozen = learner.snapshot()
    thread = threading.Thread(target=store.publish, args=(frozen.save, {}))
    thread.start()
    return thread
