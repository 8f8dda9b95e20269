"""A full update of ``gbdt`` as it runs in a worker, beside bare LightGBM on the same features."""

from __future__ import annotations

import time
from collections.abc import Iterator

import lightgbm
import numpy as np
import pyarrow as pa

from tests.benchmarks.clicks import SCHEMA, Clicks, simulate
from tests.benchmarks.harness import Table, spread, times_as_fast
from tests.benchmarks.served import fill, served, update
from updates.learners.gbdt import GBDT, TREE_OPTIONS
from updates.learners.rates import Rates
from updates.learners.trees import FIXED
from updates.samples.schema import LABEL

TREES = 100


def tables(samples: int = 500_000, repetitions: int = 3) -> Iterator[Table]:
    """Wall seconds of the run (read, features, train, judge, publish) to those of LightGBM."""
    clicks = simulate(samples)
    features, labels = _features(clicks)
    ours, bare = [], []
    with served("gbdt", num_trees=TREES) as (_, api):
        fill(api, clicks.batches(10_000))
        update(api, "full")
        for _ in range(repetitions):
            bare.append(_bare(features, labels))
            ours.append(float(update(api, "full")["cost"]["wall_seconds"]))
    row = {
        "rows": samples,
        "full update, s min / median / max": spread(ours),
        "bare LightGBM, s min / median / max": spread(bare),
        "times the bare seconds": 1 / times_as_fast(ours, bare),
    }
    note = (
        f"{TREES} trees, equal parameters. LightGBM is given the features ready-made in memory: "
        "reading the log, making the features, judging and publishing count for us alone."
    )
    yield Table("Full update of boosted trees", [row], note)


def _features(clicks: Clicks) -> tuple[np.ndarray, np.ndarray]:
    rates = Rates(SCHEMA, GBDT(SCHEMA).settings["smoothing"])
    table: pa.Table = clicks.table
    parts = [rates.count(batch) for batch in table.to_batches(max_chunksize=65_536)]
    return np.concatenate(parts), table.column(LABEL).to_numpy()


def _bare(features: np.ndarray, labels: np.ndarray) -> float:
    parameters = {**FIXED, **{option.name: option.default for option in TREE_OPTIONS}}
    began = time.perf_counter()
    lightgbm.train(parameters, lightgbm.Dataset(features, labels), TREES)
    return time.perf_counter() - began
