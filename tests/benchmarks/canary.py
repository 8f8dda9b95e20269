"""How often a canary ends by mere chance, and how soon a worse version is found out.

It is looked at again and again as samples arrive, and each look may reject. Candidates of one kind
are exactly as good as the live version; of the other their errors are larger, so that their NE is
worse. ``python -m tests.benchmarks canary``.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
from numpy.random import Generator
from scipy.optimize import brentq
from scipy.special import expit

from tests.benchmarks.gate import ALLOWED, ERROR, POPULATION
from tests.benchmarks.harness import Table
from updates.looks import is_enough
from updates.metrics import loss_difference, losses, quality

RATES = (0.5, 0.1, 0.02)
# In log-odds, at random, beside the live version's: from as good to clearly worse.
ERRORS = (ERROR, 0.6, 1.0)


def tables(
    *, canaries: int = 400, samples: int = 20_000, rates: tuple[float, ...] = RATES
) -> Iterator[Table]:
    """Shares rejected within so many samples, and how many samples that took."""
    random = np.random.default_rng(1)
    stops = looks(samples)
    yield Table(
        "Canary: candidates rejected by looking again and again",
        [_row(random, rate, error, stops, canaries) for rate, error in product(rates, ERRORS)],
        f"{canaries:,} canaries of {samples:,} independent samples each, looked at "
        f"{len(stops)} times; `max_ne_increase` is {ALLOWED}.",
    )


def looks(samples: int) -> list[int]:
    """After how many samples they are looked at, where time does not have it sooner."""
    stops, seen = [], 0
    for arrived in range(samples + 1):
        if is_enough(seen, arrived - seen):
            seen = arrived
            stops.append(arrived)
    return stops


def _row(
    random: Generator, rate: float, error: float, stops: list[int], canaries: int
) -> dict[str, object]:
    truth = random.normal(size=POPULATION)
    truth += brentq(lambda shift: expit(truth + shift).mean() - rate, -20, 20)
    live, candidate = (expit(truth + random.normal(0, e, truth.shape)) for e in (ERROR, error))
    ended = [_rejected_after(random, truth, candidate, live, stops) for _ in range(canaries)]
    found = [after for after in ended if after]
    return {
        "positive": rate,
        "NE worse by": _ne(truth, candidate) - _ne(truth, live),
        "rejected": len(found) / canaries,
        "samples until then, median": float(np.median(found)) if found else 0.0,
    }


def _rejected_after(
    random: Generator,
    truth: np.ndarray,
    candidate: np.ndarray,
    live: np.ndarray,
    stops: list[int],
) -> int:
    """Samples after which a look rejects; 0 where none does."""
    chosen = random.integers(0, POPULATION, stops[-1])
    labels = (random.uniform(size=len(chosen)) < expit(truth[chosen])).astype(float)
    ours, theirs = candidate[chosen], live[chosen]
    for stop in stops:
        seen = labels[:stop], ours[:stop], theirs[:stop]
        judgeable = quality(*seen[:2]).judgeable
        if judgeable and loss_difference(*seen).ne_increase_at_least > ALLOWED:
            return stop
    return 0


def _ne(truth: np.ndarray, predictions: np.ndarray) -> float:
    """Expected, over the whole population."""
    rates = expit(truth)
    loss = rates * losses(np.ones(1), predictions) + (1 - rates) * losses(np.zeros(1), predictions)
    mean = rates.mean()
    entropy = -mean * np.log(mean) - (1 - mean) * np.log1p(-mean)
    return float(loss.mean() / entropy)
