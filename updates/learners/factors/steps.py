"""One step of stochastic gradient descent, and the user's side of it as a function of its own.

A row of a side is its vector, then its bias. Everything is computed in float64 and rounded to
float32 when it is stored, sums in the order of the coordinates: so a port that stores into a
Float32Array follows it to the last bits of ``exp``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from updates.learners.sparse.logistic import clipped, sigmoid
from updates.learners.sparse.slots import ABSENT
from updates.samples.jit import inlined, kernel

# Of rate · weight: from 2 on, a pair with alternating labels overshoots further at each step.
MOST_STEP = 0.5
# The intercept's step in those of a bias: each sample moves it, and it has a mean to settle at.
INTERCEPT_STEP = 0.1


@dataclass(frozen=True)
class StepSettings:
    """What a step depends on besides its rows: options of the learner, and its intercept."""

    rate: float
    l2: float
    intercept: float


def user_step(  # noqa: PLR0917
    vector: np.ndarray,
    bias: float,
    item_vectors: np.ndarray,
    item_biases: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    settings: StepSettings,
) -> tuple[np.ndarray, np.float32]:
    """What learning does to one user while the items stay: a step a sample, in their order.

    With g the intercept, v and b the user's, q and c the item's, y the label and w the weight::

        m = g + b + c + Σ v·q          e = 1 / (1 + exp(−m)) − y
        s = min(rate · w, MOST_STEP)
        v ← v − s · (e · q + l2 · v)   b ← b − s · (e + l2 · b)

    Parameters
    ----------
    vector, bias : (dim,) float32 and float32; zeros for a user of whom nothing is known.
    item_vectors, item_biases : (n, dim) and (n,) float32 of each sample's item; zeros for an item
        that is not known.
    labels : (n,) 0 or 1. weights : (n,) not negative.

    Returns
    -------
    The new vector (dim,) float32 and bias; what was given is not written.
    """
    user = np.append(vector, bias).astype(np.float32)
    items = np.column_stack([item_vectors, item_biases]).astype(np.float32)
    numbers = np.asarray(labels, np.float64), np.asarray(weights, np.float64)
    _user_steps(user, items, *numbers, settings.intercept, settings.rate, settings.l2)
    return user[:-1], user[-1]


@inlined
def margin(intercept: float, user: np.ndarray, item: np.ndarray) -> float:
    """The logit of a user and an item."""
    dim = user.shape[0] - 1
    total = intercept + np.float64(user[dim]) + np.float64(item[dim])
    for d in range(dim):
        total += np.float64(user[d]) * np.float64(item[d])
    return total


@inlined
def _move(row: np.ndarray, other: np.ndarray, error: float, step: float, l2: float) -> None:
    """Move one side of a sample; ``other`` is the other side before its own move."""
    dim = row.shape[0] - 1
    for d in range(dim):
        row[d] -= step * (error * np.float64(other[d]) + l2 * np.float64(row[d]))
    row[dim] -= step * (error + l2 * np.float64(row[dim]))


@kernel
def _user_steps(  # noqa: PLR0917
    user: np.ndarray,
    items: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    intercept: float,
    rate: float,
    l2: float,
) -> None:
    for r in range(labels.shape[0]):
        error = sigmoid(margin(intercept, user, items[r])) - labels[r]
        _move(user, items[r], error, min(rate * weights[r], MOST_STEP), l2)


@kernel
def learn_rows(  # noqa: PLR0917
    users: np.ndarray,
    items: np.ndarray,
    cold: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    user_values: np.ndarray,
    item_values: np.ndarray,
    intercept: np.ndarray,
    rate: float,
    l2: float,
    users_learn: bool,
    items_learn: bool,
) -> np.ndarray:
    """Learn n rows one by one; returns (n,) probabilities before each.

    users, items : (n,) int64 rows of the values, or ABSENT. cold : (n,) bool, the item begins
    here: it is predicted as zeros, and moves from its first vector. intercept : (1,) float64, a
    part of the items.
    """
    none, before = np.zeros((2, user_values.shape[1]), np.float32)
    predictions = np.empty(labels.shape[0])
    for r in range(labels.shape[0]):
        user = none if users[r] == ABSENT else user_values[users[r]]
        item = none if items[r] == ABSENT else item_values[items[r]]
        known = none if cold[r] else item
        probability = sigmoid(margin(intercept[0], user, known))
        predictions[r] = clipped(probability)
        error, step = probability - labels[r], min(rate * weights[r], MOST_STEP)
        before[:] = user
        if users_learn and users[r] != ABSENT:
            _move(user, item, error, step, l2)
        if items_learn:
            intercept[0] -= INTERCEPT_STEP * step * error
            if items[r] != ABSENT:
                _move(item, before, error, step, l2)
    return predictions


@kernel
def predict_rows(
    users: np.ndarray,
    items: np.ndarray,
    user_values: np.ndarray,
    item_values: np.ndarray,
    intercept: float,
) -> np.ndarray:
    """(n,) probabilities of rows as ``learn_rows`` would predict them."""
    none = np.zeros(user_values.shape[1], np.float32)
    predictions = np.empty(users.shape[0])
    for r in range(users.shape[0]):
        user = none if users[r] == ABSENT else user_values[users[r]]
        item = none if items[r] == ABSENT else item_values[items[r]]
        predictions[r] = clipped(sigmoid(margin(intercept, user, item)))
    return predictions
