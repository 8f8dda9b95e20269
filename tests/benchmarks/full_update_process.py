"""The process in which the contenders of ``full_update`` take turns; prints JSON."""

from __future__ import annotations

import json
import logging
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any
from unittest import mock

import django
import lightgbm
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from django.utils import timezone

from tests.benchmarks.clicks import FIELDS, SCHEMA, simulate
from tests.benchmarks.harness import alternate, timed

UPDATE = "full update"
STRICT = "bare LightGBM, features ready"
STRINGS = "bare LightGBM, from strings"
APPEND_ROWS = 10_000
READING, GROWING = "reading the log", "growing trees"


@dataclass(frozen=True)
class Sizes:
    """holdout : newest samples that judge the candidate."""

    samples: int
    trees: int
    repetitions: int
    holdout: int


@dataclass(frozen=True)
class Matrix:
    """What LightGBM is given: (n, 20) features and (n,) labels."""

    features: np.ndarray
    labels: np.ndarray
    categorical: bool


class Phases:
    """Seconds by phase of the run under way, as it reports them; reading is told apart."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._phase = "starting"
        self._since = time.perf_counter()

    def enter(self, phase: str) -> str:
        """Book the time since the last call; returns the phase that was left."""
        now = time.perf_counter()
        self.seconds[self._phase] += now - self._since
        left, self._phase, self._since = self._phase, phase, now
        return left

    def watch(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Batches of the log; the time to get each is reading."""
        while True:
            before = self.enter(READING)
            batch = next(batches, None)
            self.enter(before)
            if batch is None:
                return
            yield batch


def main(sizes: Sizes) -> dict[str, Any]:
    """Fill a log, archive it, then let the contenders take turns."""
    from updates.models import Recommender
    from updates.samples.log import SampleLog

    recommender = Recommender.objects.create(
        slug="clicks",
        name="Clicks",
        learner="gbdt",
        learner_options={"num_trees": sizes.trees},
        schema=SCHEMA.to_json(),
    )
    recommender.policies.create(
        name="full", strategy="full", trigger="manual", holdout_samples=sizes.holdout
    )
    log = SampleLog(recommender)
    for i, batch in enumerate(simulate(sizes.samples).batches(APPEND_ROWS)):
        log.append(batch, str(i), timezone.now())
    overdue = timezone.now() + timedelta(days=1)
    while log.archive(overdue):
        pass
    paths = sorted(log.folder.glob("*.parquet"))
    ready = _features(pq.read_table(paths))
    phases: list[dict[str, float]] = []
    train = partial(_train, recommender.new_learner().settings, sizes)
    seconds = alternate(
        {
            UPDATE: timed(lambda: phases.append(_update(recommender))),
            STRICT: timed(lambda: train(_slice(ready, sizes))),
            STRINGS: timed(lambda: train(_slice(_codes(paths), sizes))),
        },
        sizes.repetitions,
    )
    ne = {UPDATE: _ne_of_last_run(recommender)}
    for name, matrix in ((STRICT, ready), (STRINGS, _codes(paths))):
        booster = train(_slice(matrix, sizes))
        ne[name] = _ne(booster, matrix, sizes.holdout)
    return {"seconds": seconds, "phases": phases[1:], "ne": ne}


def _update(recommender: Any) -> dict[str, float]:
    """Trigger and execute, as a worker does; returns the seconds by phase."""
    from updates.flows.attempt import Attempt
    from updates.flows.execute import execute
    from updates.flows.trigger import trigger
    from updates.learners.trees import Trees
    from updates.samples.log import SampleLog

    phases = Phases()
    progress, read, grow = Attempt.progress, SampleLog.read, Trees.grow

    def report(self: Attempt, phase: str, done: int, total: int | None) -> None:
        phases.enter(phase)
        progress(self, phase, done, total)

    def watched(self: SampleLog, *args: Any, **kwargs: Any) -> Iterator[pa.RecordBatch]:
        return phases.watch(read(self, *args, **kwargs))

    def growing(*args: Any) -> Trees | None:
        phases.enter(GROWING)  # the first report comes after LightGBM's Dataset and a tree
        return grow(*args)

    with (
        mock.patch.object(Trees, "grow", growing),
        mock.patch.object(Attempt, "progress", report),
        mock.patch.object(SampleLog, "read", watched),
    ):
        run = trigger(recommender, policy=recommender.policies.get())
        execute(run.pk, "benchmark")
        phases.enter("")
    run.refresh_from_db()
    if run.state != "promoted":
        raise RuntimeError(f"{run.state}: {run.error}")
    return phases.seconds


def _features(table: pa.Table) -> Matrix:
    """The matrix that the update's learner makes of the same rows."""
    from updates.learners.gbdt import GBDT
    from updates.learners.rates import Rates

    rates = Rates(SCHEMA, GBDT(SCHEMA).settings["smoothing"])
    rows = table.select(SCHEMA.arrow.names).combine_chunks()
    parts = [rates.count(batch) for batch in rows.to_batches(max_chunksize=65_536)]
    return Matrix(np.concatenate(parts), _labels(table), categorical=False)


def _codes(paths: list[Path]) -> Matrix:
    """Each string's number in the dictionary of its column, read from the archive's files."""
    table = pq.read_table(paths, columns=[*FIELDS, "label"])
    columns = [
        table.column(name).combine_chunks().dictionary_encode().indices.to_numpy()
        for name in FIELDS
    ]
    features = np.stack(columns, axis=1).astype(np.float32)
    return Matrix(features, _labels(table), categorical=True)


def _labels(table: pa.Table) -> np.ndarray:
    return table.column("label").to_numpy()


def _slice(matrix: Matrix, sizes: Sizes) -> Matrix:
    """The rows that the update trains on: all but the holdout."""
    count = sizes.samples - sizes.holdout
    return Matrix(matrix.features[:count], matrix.labels[:count], matrix.categorical)


def _train(settings: dict[str, Any], sizes: Sizes, matrix: Matrix) -> lightgbm.Booster:
    """Dataset and training with the parameters of the update."""
    from updates.learners.gbdt import TREE_OPTIONS
    from updates.learners.trees import FIXED

    own = {option.name: settings[option.name] for option in TREE_OPTIONS}
    data = lightgbm.Dataset(
        matrix.features,
        matrix.labels,
        categorical_feature=list(range(len(FIELDS))) if matrix.categorical else [],
    )
    parameters = {**FIXED, "boost_from_average": True, **own}
    return lightgbm.train(parameters, data, sizes.trees)


def _ne(booster: lightgbm.Booster, matrix: Matrix, holdout: int) -> float:
    from updates.metrics import quality

    predictions = booster.predict(matrix.features[-holdout:])
    return float(quality(matrix.labels[-holdout:], predictions).ne)


def _ne_of_last_run(recommender: Any) -> float:
    return float(recommender.runs.latest("pk").metrics["candidate"]["ne"])


if __name__ == "__main__":
    django.setup()
    logging.disable(logging.WARNING)  # of each run that no worker could be told
    print(json.dumps(main(Sizes(*map(int, sys.argv[1:])))))
