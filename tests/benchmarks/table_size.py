"""Learning as the table grows: 100 thousand keys and 10 million."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

import numpy as np

from tests.benchmarks.harness import Table, alternate, rates, timed
from tests.benchmarks.peers import FTRL
from updates.learners.sparse import ftrl
from updates.learners.sparse.algorithm import Rows
from updates.learners.sparse.model import SparseModel

FEATURES = 20


def tables(
    samples: int = 200_000, sizes: tuple[int, ...] = (100_000, 10_000_000), repetitions: int = 3
) -> Iterator[Table]:
    """Rows of 20 uniformly drawn known keys: the worst case for the caches."""
    found = []
    for keys in sizes:
        model = SparseModel(ftrl.FTRL, ftrl.Parameters(**asdict(FTRL())))
        for first in range(0, keys, FEATURES * samples):
            model.learn(_rows(np.arange(first, min(first + FEATURES * samples, keys))))
        drawn = np.random.default_rng(1).integers(0, keys, FEATURES * samples)
        rows = _rows(drawn)
        seconds = alternate({"learn": timed(lambda m=model, r=rows: m.learn(r))}, repetitions)
        count = len(rows.labels)
        found.append(
            {
                "keys": model.table.size,
                "rows/s min / median / max": rates(count, seconds["learn"]),
            }
        )
    yield Table(f"Table size: FTRL, {FEATURES} uniform keys a row", found)


def _rows(numbers: np.ndarray) -> Rows:
    """Rows of FEATURES keys each, spread over all 64 bits."""
    numbers = numbers[: len(numbers) // FEATURES * FEATURES]
    keys = (numbers.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
    count = len(keys) // FEATURES
    return Rows(
        np.arange(0, len(keys) + 1, FEATURES, dtype=np.int64),
        keys,
        np.ones(len(keys)),
        (np.arange(count) % 3 == 0).astype(np.float64),
        np.ones(count),
    )
