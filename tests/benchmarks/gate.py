"""How often the gate rejects a candidate that is as good as the live version, by mere chance.

Both predict with errors of their own around the truth, and both lose as much in the long run; what
is rejected is the fault of the holdout. ``python -m tests.benchmarks gate``.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import pyarrow as pa
from numpy.random import Generator
from scipy.optimize import brentq
from scipy.special import expit

from tests.benchmarks.harness import Table
from updates.learners import registry
from updates.metrics import loss_difference, losses, quality
from updates.samples.schema import LABEL
from updates.samples.sources import open_source

ALLOWED = 0.01  # max_ne_increase, as policies have it unless told otherwise
SIZES = (10, 17, 30, 100, 300, 1000)
RATES = (0.5, 0.2, 0.1, 0.05, 0.02)
# How far both are off, in log-odds: at random, or one above the truth and the other below.
ERROR = 0.3
POPULATION = 100_000


def tables(
    *, holdouts: int = 2_000, sizes: tuple[int, ...] = SIZES, rates: tuple[float, ...] = RATES
) -> Iterator[Table]:
    """Shares rejected, without and with the least sizes that the gate asks for."""
    random = np.random.default_rng(1)
    yield Table(
        "Gate: equally good candidates rejected, independent samples",
        [_simulated(random, rate, size, holdouts) for rate, size in product(rates, sizes)],
        "Worst of three ways to be as good as the live version: errors at random, predictions "
        f"above the truth against below, below against above. {holdouts:,} holdouts each; "
        "“judged” is the share of holdouts large enough.",
    )
    yield Table(
        "Gate: equally good candidates rejected, ML-100k",
        _replayed(sizes, holdouts),
        "`sparse_linear` learned on either random half of the first 60 %, judged on consecutive "
        "samples of the rest, which come in sessions of one user.",
    )


def _simulated(random: Generator, rate: float, size: int, holdouts: int) -> dict[str, object]:
    truth = random.normal(size=POPULATION)
    truth += brentq(lambda shift: expit(truth + shift).mean() - rate, -20, 20)
    found = []
    for candidate, reference in _equals(random, truth):
        chosen = random.integers(0, POPULATION, (holdouts, size))
        labels = random.uniform(size=chosen.shape) < expit(truth[chosen])
        found.append(
            _shares(
                (own, candidate[which], reference[which])
                for own, which in zip(labels.astype(float), chosen, strict=True)
            )
        )
    worst = max(found, key=lambda shares: (shares["rejected"], shares["without least sizes"]))
    unruled = max(shares["without least sizes"] for shares in found)
    return {"positive": rate, "held out": size, **worst, "without least sizes": unruled}


def _equals(random: Generator, truth: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of predictions with the same expected log loss."""
    yield tuple(expit(truth + random.normal(0, ERROR, truth.shape)) for _ in range(2))

    def loss(shift: float) -> float:
        p = expit(truth + shift)
        return float(
            (losses(np.ones(1), p) * expit(truth) + losses(np.zeros(1), p) * expit(-truth)).mean()
        )

    below = brentq(lambda shift: loss(-shift) - loss(ERROR), 0, 5)
    high, low = expit(truth + ERROR), expit(truth - below)
    yield high, low
    yield low, high


def _replayed(sizes: tuple[int, ...], holdouts: int) -> list[dict[str, object]]:
    source = open_source("ml-100k")
    samples = pa.Table.from_batches(list(source)).combine_chunks()
    end = int(samples.num_rows * 0.6)
    first_half = np.random.default_rng(0).uniform(size=end) < 0.5
    rest = samples.slice(end).combine_chunks()
    predictions = []
    for half in (first_half, ~first_half):
        learner = registry.get("sparse_linear")(source.schema, {})
        for batch in samples.slice(0, end).filter(pa.array(half)).combine_chunks().to_batches():
            learner.learn(batch)
        predictions.append(learner.predict(rest))
    labels = rest.column(LABEL).to_numpy().astype(float)
    users = rest.column("user").combine_chunks().dictionary_encode().indices.to_numpy()
    pairs = (tuple(predictions), tuple(reversed(predictions)))
    rows = []
    for size in sizes:
        starts = np.linspace(0, len(labels) - size, holdouts // 2).astype(int)
        shares = _shares(
            tuple(column[at : at + size] for column in (labels, candidate, reference, users))
            for (candidate, reference), at in product(pairs, starts)
        )
        rows.append({"held out": size, **shares})
    return rows


def _shares(holdouts: Iterator[tuple[np.ndarray, ...]]) -> dict[str, float]:
    judged, worse = [], []
    for labels, candidate, reference, *users in holdouts:
        judged.append(quality(labels, candidate).judgeable)
        difference = loss_difference(labels, candidate, reference, None, *users)
        worse.append(difference.ne_increase_at_least > ALLOWED)
    return {
        "rejected": float(np.mean(np.array(judged) & worse)),
        "without least sizes": float(np.mean(worse)),
        "judged": float(np.mean(judged)),
    }
