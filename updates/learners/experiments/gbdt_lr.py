"""LR alone, trees alone, trees + LR, with trees renewed daily, weekly, never: docs/gbdt-lr.md.

    python -m updates.learners.experiments.gbdt_lr
        [--source ml-100k|open-bandit|simulated] [--samples N] [--only weekly]

Day by day every sample is predicted before it is learned. A tree update trains on the window up to
the day's begin; what learns online learns on in between. ML-100k and Open Bandit (one file a policy
that chose what was shown): the first 70 % are history, the window is all before; simulated: the
first 7 days of 28, the window is 7 days.
"""

from __future__ import annotations

import argparse
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from updates.learners.base import Learner, LearnReport, Progress, no_progress
from updates.learners.experiments import simulated
from updates.learners.experiments.gbdt_increment import DAY_MS, HISTORY, periods
from updates.learners.gbdt import GBDT, counted, probabilities
from updates.learners.gbdt_lr.learner import GBDTLR
from updates.learners.gbdt_lr.rows import LeafRows
from updates.learners.sparse.linear import SparseLinear
from updates.metrics import quality
from updates.samples.schema import LABEL, SampleSchema
from updates.samples.sources import base
from updates.samples.sources.ml_100k import MovieLens100K
from updates.samples.sources.open_bandit import BEHAVIOUR_POLICIES, OpenBandit

SOURCES = ML, BANDIT, SIMULATED = "ml-100k", "open-bandit", "simulated"
NEVER, WEEKLY, DAILY = 0, 7, 1
SIMULATED_DAYS, SIMULATED_WINDOW = 28, 7


class TreesAlone(GBDT):
    """The trees' own values, on rates that go on counting row by row, as those of ``gbdt_lr``."""

    def learn(self, batch: pa.RecordBatch, progress: Progress = no_progress) -> LearnReport:
        """Count row by row; the leaves stay."""
        features = counted(self._rates, [batch], progress).features
        scores = self._trees.scores(features, 1) if self._trees else np.zeros(batch.num_rows)
        return LearnReport(batch.num_rows, probabilities(self._base_score + scores))


class TreesAndRatesOfTheUpdate(GBDT):
    """The rates, too, stay as they were at the tree update."""

    def learn(self, batch: pa.RecordBatch, progress: Progress = no_progress) -> LearnReport:
        """Predict only."""
        return LearnReport(batch.num_rows, self.predict(batch))


class FrozenRates(GBDTLR):
    """The LR learns online on leaves by the rates as they were at the tree update."""

    def learn(self, batch: pa.RecordBatch, progress: Progress = no_progress) -> LearnReport:
        """Learn row by row without counting."""
        predictions = self._learn_rows(batch, self._rates.look_up(batch))
        return LearnReport(batch.num_rows, predictions)


class UnitLeaves(GBDTLR):
    """Leaves have the value 1, as in He et al."""

    def _leaf_rows(self, chunk: pa.RecordBatch, features: np.ndarray) -> LeafRows:
        leaves = super()._leaf_rows(chunk, features)
        firsts = leaves.rows.indptr[:-1, np.newaxis]
        leaves.rows.values[firsts + np.arange(leaves.trees)] = 1.0
        return leaves


@dataclass(frozen=True)
class Variant:
    """A row of the table. every : days from one tree update to the next."""

    name: str
    learner: type[Learner]
    every: int
    options: Mapping[str, Any] = field(default_factory=dict)


LEAVES = {"raw_features": False}
VARIANTS = (
    Variant("LR alone, online", SparseLinear, NEVER),
    Variant("LR alone, online, alpha 0.3", SparseLinear, NEVER, {"alpha": 0.3}),
    Variant("trees alone, weekly, rates of the update", TreesAndRatesOfTheUpdate, WEEKLY),
    Variant("trees alone, daily, rates of the update", TreesAndRatesOfTheUpdate, DAILY),
    Variant("trees alone, weekly, rates counted on", TreesAlone, WEEKLY),
    Variant("trees alone, daily, rates counted on", TreesAlone, DAILY),
    Variant("trees weekly + LR online, rates of the update", FrozenRates, WEEKLY, LEAVES),
    Variant("first trees + LR online", GBDTLR, NEVER, LEAVES),
    Variant("trees weekly + LR online", GBDTLR, WEEKLY, LEAVES),
    Variant("trees daily + LR online", GBDTLR, DAILY, LEAVES),
    Variant("first trees + LR online, with features", GBDTLR, NEVER),
    Variant("trees weekly + LR online, with features", GBDTLR, WEEKLY),
    Variant("trees daily + LR online, with features", GBDTLR, DAILY),
    Variant("weekly, leaves of value 1, alpha 0.01", UnitLeaves, WEEKLY, {"alpha": 0.01}),
    Variant("weekly, leaves of value 1, alpha 0.1", UnitLeaves, WEEKLY),
    Variant("weekly, alpha 0.03", GBDTLR, WEEKLY, {"alpha": 0.03}),
    Variant("weekly, alpha 0.3", GBDTLR, WEEKLY, {"alpha": 0.3}),
    Variant("weekly, l1 0", GBDTLR, WEEKLY, {"l1": 0.0}),
)


@dataclass(frozen=True)
class Source:
    """Days of a stream; the first ``history`` are only trained on, updates on ``window`` days."""

    name: str
    schema: SampleSchema
    days: Iterable[pa.Table]
    history: int
    window: int


@dataclass(frozen=True)
class Outcome:
    """ne : progressive, after the history. Seconds of CPU, of all threads."""

    ne: float
    update_seconds: float
    online_seconds: float


def replay(variant: Variant, source: Source) -> Outcome:
    """Train on the history, then predict and learn one day after the other."""
    learner = variant.learner(source.schema, variant.options)
    if "num_threads" in learner.settings:
        learner.settings["num_threads"] = 1  # threads that wait for one another spend CPU time
    window: deque[pa.RecordBatch] = deque(maxlen=source.window)
    predictions: list[np.ndarray] = []
    labels: list[np.ndarray] = []
    updating = online = 0.0
    for number, table in enumerate(source.days):
        day = table.combine_chunks().to_batches()[0]
        since = number - source.history
        began = time.process_time()
        if since == 0 or (since > 0 and variant.every and since % variant.every == 0):
            learner.fit(window)
        fitted = time.process_time()
        if since >= 0:
            predictions.append(np.asarray(learner.learn(day).predictions))
            labels.append(day.column(LABEL).to_numpy())
        updating += fitted - began
        online += time.process_time() - fitted
        window.append(day)
    found = quality(np.concatenate(labels), np.concatenate(predictions))
    return Outcome(found.ne or np.nan, updating, online)


@dataclass(frozen=True)
class Simulated:
    """The days anew each time that they are asked for, so that none has to be kept."""

    samples: int

    def __iter__(self) -> Iterator[pa.Table]:
        return simulated.days(self.samples, SIMULATED_DAYS)


def recorded(name: str, samples: base.Source) -> Source:
    """All days of the history are one, as they only ever come together."""
    table = pa.Table.from_batches(list(samples)).combine_chunks()
    start = int(HISTORY * len(table))
    ranges = [(0, start), *periods(table, start, DAY_MS)]
    days = [table.slice(first, stop - first) for first, stop in ranges]
    return Source(name, samples.schema, days, 1, len(days))


def simulated_stream(samples: int) -> Source:
    """28 days."""
    name = f"simulated, {samples:,} samples"
    days = Simulated(samples)
    return Source(name, simulated.SCHEMA, days, SIMULATED_WINDOW, SIMULATED_WINDOW)


def main() -> None:
    """Print a table a source."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--source", choices=SOURCES, action="append")
    parser.add_argument("--samples", type=int, default=1_000_000, help="of the simulated stream")
    parser.add_argument("--only", default="", help="variants with this in their name")
    chosen = parser.parse_args()
    variants = [variant for variant in VARIANTS if chosen.only in variant.name]
    for name in chosen.source or SOURCES:
        for source in _sources(name, chosen.samples):
            _print(source, variants)


def _sources(name: str, samples: int) -> Iterator[Source]:
    if name == ML:
        yield recorded("ML-100k", MovieLens100K())
    elif name == BANDIT:
        for policy in BEHAVIOUR_POLICIES:
            yield recorded(f"Open Bandit, {policy}", OpenBandit(behaviour_policy=policy))
    else:
        yield simulated_stream(samples)


def _print(source: Source, variants: Iterable[Variant]) -> None:
    print(f"\n| {source.name} | NE | CPU s of updates | CPU s online |", flush=True)
    print("|---|---:|---:|---:|")
    for variant in variants:
        outcome = replay(variant, source)
        print(
            f"| {variant.name} | {outcome.ne:.4f} "
            f"| {outcome.update_seconds:.1f} | {outcome.online_seconds:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
