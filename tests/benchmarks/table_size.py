"""Learning as the table of parameters outgrows the caches: 100 k and 10 M keys."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from functools import partial

import numba
import numpy as np

from tests.benchmarks.harness import Table, alternate, rates, timed, times_as_fast
from updates.learners.sparse import ftrl
from updates.learners.sparse.algorithm import Rows
from updates.learners.sparse.model import SparseModel
from updates.learners.sparse.slots import STATE, home
from updates.learners.sparse.table import KeyTable

FEATURES = 20
SKEW = 4  # a key's rank is size · u^SKEW, u uniform: half of the features are 6 % of the keys

NOTE = (
    "Of the same rows, in the same table: “finding” looks the keys up and does nothing else, "
    "“touching” reads and writes one word in the home cell of each key. What they cost more in the "
    "large table is the caches'."
)


def tables(
    sizes: Sequence[int] = (100_000, 10_000_000), samples: int = 200_000, repetitions: int = 5
) -> Iterator[Table]:
    """The same rows' worth of learning in tables of different sizes, skewed and uniform."""
    random = np.random.default_rng(1)
    keys = {size: random.integers(1, 1 << 63, size, np.uint64) for size in sizes}
    models = {size: _filled(keys[size], random) for size in sizes}
    rows = []
    for skew, name in ((SKEW, "skewed"), (1, "uniform")):
        contenders = {}
        for size, model in models.items():
            drawn = _draw(keys[size], samples, skew, random)
            model.table.settle()
            contenders[f"{size}"] = timed(partial(model.learn, drawn))
            contenders[f"{size} found"] = timed(partial(model.table.find, drawn.keys))
            contenders[f"{size} touched"] = timed(partial(_touch_all, model.table, drawn.keys))
        seconds = alternate(contenders, repetitions)
        smallest = seconds[str(min(sizes))]
        for size, model in models.items():
            spent = seconds[f"{size}"]
            rows.append(
                {
                    "keys": size,
                    "which keys a row has": name,
                    "rows/s min / median / max": rates(samples, spent),
                    "times as fast as the smallest": times_as_fast(spent, smallest),
                    "ns a row": _ns_a_row(spent, samples),
                    "finding its keys, alone": _ns_a_row(seconds[f"{size} found"], samples),
                    "touching its cells, alone": _ns_a_row(seconds[f"{size} touched"], samples),
                    "bytes a key": round(model.table.nbytes / size),
                }
            )
    yield Table(f"Table size: FTRL on encoded rows of {FEATURES} features", rows, NOTE)


def _touch_all(table: KeyTable, keys: np.ndarray) -> None:
    _touch(table.view.cells, table.view.shift, keys, np.uint64(0))


@numba.njit
def _touch(cells: np.ndarray, shift: np.uint64, keys: np.ndarray, mask: np.uint64) -> None:
    # A mask of 0 changes nothing, which the compiler does not know.
    for key in keys:
        cells[home(key, shift), STATE] ^= mask


def _ns_a_row(seconds: Sequence[float], rows: int) -> int:
    return round(statistics.median(seconds) / rows * 1e9)


def _filled(keys: np.ndarray, random: np.random.Generator) -> SparseModel:
    model = SparseModel(ftrl.FTRL, ftrl.Parameters(alpha=0.1, beta=1.0, l1=1.0, l2=0.0))
    model.learn(_rows(keys, random))
    return model


def _draw(keys: np.ndarray, samples: int, skew: float, random: np.random.Generator) -> Rows:
    ranks = (len(keys) * random.random((samples, FEATURES)) ** skew).astype(np.int64)
    # Each feature has keys of its own, so that none comes twice in a row.
    ranks = ranks // FEATURES * FEATURES + np.arange(FEATURES)
    return _rows(keys[ranks.ravel()], random)


def _rows(keys: np.ndarray, random: np.random.Generator) -> Rows:
    samples = len(keys) // FEATURES
    keys = keys[: samples * FEATURES]
    labels = (random.random(samples) < 0.3).astype(np.float64)
    indptr = np.arange(0, len(keys) + 1, FEATURES)
    return Rows(indptr, keys, np.ones(len(keys)), labels, np.ones(samples))
