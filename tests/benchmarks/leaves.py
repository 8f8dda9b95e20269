"""gbdt_lr: finding leaves, compiled against LightGBM's pred_leaf; learning the LR on leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import lightgbm
import numpy as np

from tests.benchmarks.clicks import SCHEMA, Clicks, simulate
from tests.benchmarks.harness import Table, alternate, rates, timed, times_as_fast
from updates.learners.gbdt_lr.learner import GBDTLR
from updates.learners.gbdt_lr.rows import LeafRows
from updates.learners.sparse.ftrl import FTRL
from updates.learners.sparse.linear import SparseLinear
from updates.learners.sparse.model import SparseModel

BATCH_ROWS = 16_384


def tables(
    history: int = 200_000, samples: int = 200_000, trees: int = 100, repetitions: int = 5
) -> Iterator[Table]:
    """Trees grown on a history, then what comes after it."""
    clicks = simulate(history + samples)
    first, later = clicks.first(history), Clicks(clicks.table.slice(history), np.empty(0))
    learner = GBDTLR(SCHEMA, {"num_trees": trees, "raw_features": False})
    features = learner.fit_trees(first.batches(BATCH_ROWS))
    yield lookup(learner, features, repetitions)
    yield learning(learner, first, later, features, repetitions)


def lookup(learner: GBDTLR, features: np.ndarray, repetitions: int) -> Table:
    """Leaves of one row, of a request's candidates, of a batch; one thread each."""
    space = learner.space
    booster = lightgbm.Booster(model_str=space.text)
    rows = []
    for size in (1, 100, min(BATCH_ROWS, len(features))):
        times = max(1, 2_000 // size)
        part = np.asfortranarray(features[:size])
        seconds = alternate(
            {
                "compiled": _repeated(partial(space.forest.leaves_of, part), times),
                "pred_leaf": _repeated(
                    partial(booster.predict, part, pred_leaf=True, num_threads=1), times
                ),
            },
            repetitions,
        )
        rows.append(
            {
                "rows at once": size,
                "compiled, rows/s min / median / max": rates(times * size, seconds["compiled"]),
                "pred_leaf, rows/s min / median / max": rates(times * size, seconds["pred_leaf"]),
                "times as fast": times_as_fast(seconds["compiled"], seconds["pred_leaf"]),
            }
        )
    return Table("Leaves: compiled walk beside LightGBM's pred_leaf", rows, _note(learner))


def learning(
    learner: GBDTLR, first: Clicks, later: Clicks, features: np.ndarray, repetitions: int
) -> Table:
    """FTRL on leaves alone; the steps of gbdt_lr on rows of strings; sparse_linear beside it."""
    samples = later.table.num_rows
    batches = later.batches(BATCH_ROWS)
    rows = min(len(features), samples)
    pieces = [
        LeafRows.of(batch, learner.space.keys_of(features[start : start + batch.num_rows]), None)
        for start, batch in zip(range(0, rows, BATCH_ROWS), first.batches(BATCH_ROWS), strict=False)
    ]
    whole = GBDTLR(SCHEMA, {"num_trees": learner.trees})
    whole.fit(first.batches(BATCH_ROWS))
    learner.fit_lr(first.batches(BATCH_ROWS))
    linear = SparseLinear(SCHEMA)
    linear.fit(first.batches(BATCH_ROWS))

    def ftrl() -> None:
        model = SparseModel(FTRL, FTRL.configure(learner.settings))
        for piece in pieces:
            model.learn(piece.rows)

    def all_of(taught: GBDTLR | SparseLinear) -> None:
        for batch in batches:
            taught.learn(batch)

    seconds = alternate(
        {
            "FTRL on leaves already found": timed(ftrl),
            "gbdt_lr, leaves only": timed(partial(all_of, learner)),
            "gbdt_lr, leaves and features": timed(partial(all_of, whole)),
            "sparse_linear": timed(partial(all_of, linear)),
        },
        repetitions,
    )
    counts = {"FTRL on leaves already found": sum(len(piece.rows.labels) for piece in pieces)}
    return Table(
        "Learn: the LR of gbdt_lr, sample by sample, one thread",
        [
            {
                "what": name,
                "samples/s min / median / max": rates(counts.get(name, samples), spent),
            }
            for name, spent in seconds.items()
        ],
        _note(learner),
    )


def _note(learner: GBDTLR) -> str:
    leaves = learner.space.forest.leaves
    return f"{learner.trees} trees, {leaves:,} leaves, {len(SCHEMA.categorical)} features."


def _repeated(work: Callable[[], object], times: int) -> Callable[[], float]:
    def repeat() -> None:
        for _ in range(times):
            work()

    return timed(repeat)
