"""How long learning waits while the table of parameters grows past 10 M keys."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from tests.benchmarks.harness import Table, percentiles_ms
from updates.learners.sparse import ftrl
from updates.learners.sparse.algorithm import Rows
from updates.learners.sparse.model import SparseModel

FEATURES = 20


def tables(keys: int = 12_000_000, samples: int = 100) -> Iterator[Table]:
    """Batches of encoded rows, half of whose features are new, until so many keys are known."""
    random = np.random.default_rng(1)
    model = SparseModel(ftrl.FTRL, ftrl.Parameters(alpha=0.1, beta=1.0, l1=1.0, l2=0.0))
    new = samples * FEATURES // 2
    known = random.integers(1, 1 << 63, keys, np.uint64)
    seconds, processor = np.empty((2, keys // new))
    for i in range(len(seconds)):
        old = random.integers(0, i * new + 1, new)
        fresh = known[i * new : (i + 1) * new]
        batch = _rows(np.stack([fresh, known[old]], axis=1).reshape(samples, FEATURES), random)
        began, began_working = time.perf_counter(), time.thread_time()
        model.learn(batch)
        seconds[i] = time.perf_counter() - began
        processor[i] = time.thread_time() - began_working
    past, working = (each[len(seconds) // 10 :] for each in (seconds, processor))
    yield Table(
        f"Growth: batches of {samples} encoded rows of {FEATURES} features, half of them new",
        [
            {
                "keys": model.table.size,
                "batches": len(past),
                **percentiles_ms(past),
                "p99.9 ms": f"{1e3 * np.quantile(past, 0.999):.3f}",
                "longest, ms": f"{1e3 * past.max():.3f}",
                "longest, ms of processor time": f"{1e3 * working.max():.3f}",
                "bytes a key": round(model.table.nbytes / model.table.size),
            }
        ],
        "The first tenth is not counted.",
    )


def _rows(keys: np.ndarray, random: np.random.Generator) -> Rows:
    samples = len(keys)
    # A key that comes twice in a row counts once, as in rows that were encoded.
    flat = np.concatenate([np.unique(row) for row in keys])
    indptr = np.cumsum([0, *(len(np.unique(row)) for row in keys)])
    labels = (random.random(samples) < 0.3).astype(np.float64)
    return Rows(indptr, flat, np.ones(len(flat)), labels, np.ones(samples))
