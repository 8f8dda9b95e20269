"""How ``gbdt`` should learn new samples, and from which features: the tables of docs/gbdt.md.

    python -m updates.learners.experiments.gbdt_increment

ML-100k in time order: the first 70 % is fitted, then each day (or hour) is predicted by what was
known at its begin, and learned. The variants that lost live here, not in the product.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import lightgbm
import numpy as np
import pyarrow as pa

from updates.learners.base import Progress
from updates.learners.experiments.gbdt_features import RatesAndCodes, RatesAndCounts
from updates.learners.gbdt import GBDT
from updates.learners.rates import Rows
from updates.learners.trees import FIXED, Trees
from updates.metrics import quality
from updates.samples.schema import EVENT_TIME, LABEL
from updates.samples.sources.ml_100k import ML_100K, MovieLens100K

HISTORY = 0.7
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
STILL = 1_000_000_000  # memory_samples so long that leaves stay as they are


class AddingTrees(GBDT):
    """Grows more trees from the new rows instead of refitting leaves (``init_model``)."""

    more = 1

    def _grow(self, rows: Rows, progress: Progress) -> None:
        super()._grow(rows, progress)
        if self._trees is None:
            return
        # LightGBM goes on from what the trees alone predict: the base score moves into the first.
        booster = lightgbm.Booster(model_str=self._trees.text)
        for leaf in range(booster.dump_model(num_iteration=1)["tree_info"][0]["num_leaves"]):
            value = booster.get_leaf_output(0, leaf)
            booster.set_leaf_output(0, leaf, value + self._base_score)
        self._trees, self._base_score = Trees(booster.model_to_string()), 0.0

    def _refreshed(self, trees: Trees, rows: Rows) -> Trees:
        parameters = {**FIXED, **self._parameters}
        data = lightgbm.Dataset(rows.features, rows.labels)
        old = lightgbm.Booster(model_str=trees.text)
        new = lightgbm.train(parameters, data, self.more, init_model=old)
        return Trees(new.model_to_string())


class AddingTwoTrees(AddingTrees):
    """As AddingTrees, twice as many."""

    more = 2


class WithCounts(GBDT):
    """Has the logarithm of each value's count beside its rate."""

    def _forget(self) -> None:
        super()._forget()
        self._rates = RatesAndCounts(self.schema, self.settings["smoothing"])


class WithCodes(GBDT):
    """Has values of the small fields as LightGBM's categories beside their rates."""

    _rates: RatesAndCodes

    def _forget(self) -> None:
        super()._forget()
        self._rates = RatesAndCodes(self.schema, self.settings["smoothing"])

    @property
    def _parameters(self) -> dict[str, Any]:
        return {**super()._parameters, "categorical_column": self._rates.code_columns}


@dataclass(frozen=True)
class Variant:
    """A row of the table. retrain : fit everything anew instead of learning what is new."""

    name: str
    learner: type[GBDT] = GBDT
    options: dict[str, Any] = field(default_factory=dict)
    retrain: bool = False


VARIANTS = (
    Variant("leaves stay, only rates go on", options={"memory_samples": STILL}),
    Variant("refit leaves, memory 20,000", options={"memory_samples": 20_000}),
    Variant("**refit leaves, memory 50,000**"),
    Variant("refit leaves, memory 200,000", options={"memory_samples": 200_000}),
    Variant("add 1 tree", AddingTrees),
    Variant("add 2 trees", AddingTwoTrees),
    Variant("add 2 trees, step 0.02", AddingTwoTrees, {"learning_rate": 0.02}),
    Variant("train anew on everything", retrain=True),
    Variant("refit, with log counts", WithCounts),
    Variant("refit, with categorical codes", WithCodes),
    Variant("refit, smoothing 2", options={"smoothing": 2.0}),
    Variant("refit, smoothing 10", options={"smoothing": 10.0}),
)


@dataclass
class Outcome:
    """ne : progressive, over all samples after the history. trees : at the end."""

    ne: float
    cpu_seconds_per_update: float
    trees: int


def replay(variant: Variant, table: pa.Table, every_ms: int) -> Outcome:
    """Fit the history, then predict and learn one period of event time after the other."""
    start = int(HISTORY * len(table))
    learner = variant.learner(ML_100K, variant.options)
    learner.fit(table.slice(0, start).to_batches())
    predictions, seconds = [], []
    for first, stop in periods(table, start, every_ms):
        batch = table.slice(first, stop - first)
        predictions.append(learner.predict(batch))
        began = time.process_time()
        if variant.retrain:
            learner.fit(table.slice(0, stop).to_batches())
        else:
            learner.learn(batch)
        seconds.append(time.process_time() - began)
    labels = table.column(LABEL).to_numpy()[start:]
    found = quality(labels, np.concatenate(predictions))
    trees = learner.trees.count if learner.trees else 0
    return Outcome(found.ne or np.nan, float(np.mean(seconds)), trees)


def periods(table: pa.Table, start: int, every_ms: int) -> Iterator[tuple[int, int]]:
    """Half-open ranges of rows, each of one period of event time."""
    numbers = table.column(EVENT_TIME).to_numpy().astype(np.int64)[start:] // every_ms
    ends = start + np.append(np.flatnonzero(np.diff(numbers)) + 1, len(numbers))
    yield from zip(np.append(start, ends[:-1]).tolist(), ends.tolist(), strict=True)


def main() -> None:
    """Print the table."""
    table = pa.Table.from_batches(list(MovieLens100K())).combine_chunks()
    print(
        "| variant | NE, daily | NE, hourly | CPU ms a daily update | trees after daily updates |"
    )
    print("|---|---:|---:|---:|---:|")
    for variant in VARIANTS:
        daily = replay(variant, table, DAY_MS)
        # Training anew every hour would take many times as long as all else here.
        hourly = "" if variant.retrain else f"{replay(variant, table, HOUR_MS).ne:.4f}"
        print(
            f"| {variant.name} | {daily.ne:.4f} | {hourly} "
            f"| {1000 * daily.cpu_seconds_per_update:.1f} | {daily.trees} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
