"""How far a model is from the best possible, exactly: the true probabilities are known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

BEST = 5  # items of a list
LEAST = 1e-12


class Distance(NamedTuple):
    """regret : true click probability of the best items − of those that the model ranks first, mean
    over requests. excess_log_loss : expected log loss − that of the truth, in nats."""

    regret: float
    excess_log_loss: float


def distance(true: np.ndarray, predicted: np.ndarray, best: int = BEST) -> Distance:
    """Of predictions (n, m) for n requests and m items, from the true probabilities.

    The excess log loss is the mean Kullback-Leibler divergence of Bernoulli distributions, over all
    items alike: no label is drawn, so that neither number has a sampling error but the requests'.
    Where the model ranks items alike, the first in the order of the columns counts.
    """
    ranked = np.argsort(-predicted, axis=1, kind="stable")[:, :best]
    chosen = np.take_along_axis(true, ranked, axis=1)
    ideal = -np.sort(-true, axis=1)[:, :best]
    # In the same order, so that rounding gives the truth itself exactly 0.
    regret = (ideal - -np.sort(-chosen, axis=1)).mean()
    return Distance(float(regret), float(divergence(true, predicted).mean()))


def divergence(true: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """KL(true ‖ predicted) of Bernoulli distributions in nats, elementwise, ≥ 0."""
    p = np.clip(true, LEAST, 1 - LEAST)
    q = np.clip(predicted, LEAST, 1 - LEAST)
    nats = p * (np.log(p) - np.log(q)) + (1 - p) * (np.log1p(-p) - np.log1p(-q))
    return np.asarray(np.maximum(nats, 0.0))
