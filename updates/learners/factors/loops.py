"""Learning and predicting many interactions: no Python between two of them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from updates.learners.factors.settings import Steps
from updates.learners.factors.steps import dot, learn_pair, learn_user, move_item
from updates.learners.sparse.logistic import clipped, sigmoid
from updates.learners.sparse.slots import ABSENT
from updates.samples.jit import inlined, kernel

ORIGIN_SCALE = 0.1  # a new item's coordinates lie within it: 0 would be a saddle
INTERCEPT, INTERCEPT_SQUARES, SCALE, SCALE_SQUARES = 0, 1, 2, 3
STRIDE = np.uint64(0x9E3779B97F4A7C15)


class Interactions(NamedTuple):
    """n samples. users, items : (n,) int64 rows of each side, ABSENT (-1) where it has no vector.
    new : (n,) bool, the item has just been given its vector. labels, weights : (n,) float64."""

    users: np.ndarray
    items: np.ndarray
    new: np.ndarray
    labels: np.ndarray
    weights: np.ndarray


class Parameters(NamedTuple):
    """users, items : (rows, dim + 1) float32, biases last. squares : (rows, 2) float32 of items.
    shared : (4,) float64, the intercept and, for BPR, the scale that makes probabilities of its
    scores, each followed by its sum of squares."""

    users: np.ndarray
    items: np.ndarray
    squares: np.ndarray
    shared: np.ndarray


@kernel
def mixed(number: np.uint64) -> np.uint64:
    """A random-looking number for each number: the finaliser of SplitMix64 (Steele, Lea & Flood
    2014, "Fast splittable pseudorandom number generators", fig. 17)."""
    number = (number ^ (number >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    number = (number ^ (number >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return number ^ (number >> np.uint64(31))


@kernel
def first_items(keys: np.ndarray, width: int, seed: int) -> np.ndarray:
    """(n, width) float32, what items begin at: drawn by key and seed, the bias 0."""
    drawn = np.zeros((keys.shape[0], width), np.float32)
    for row in range(keys.shape[0]):
        state = keys[row] ^ mixed(np.uint64(seed) + np.uint64(1))
        for d in range(width - 1):
            state += STRIDE
            unit = np.float64(mixed(state) >> np.uint64(11)) * 2.0**-53
            drawn[row, d] = np.float32(ORIGIN_SCALE * (2.0 * unit - 1.0))
    return drawn


@kernel
def predict_all(rows: Interactions, known: Parameters) -> np.ndarray:
    """(n,) clipped probabilities; learns nothing."""
    found = np.empty(rows.users.shape[0])
    nothing = np.zeros(known.users.shape[1], np.float32)
    for row in range(found.shape[0]):
        user = known.users[rows.users[row]] if rows.users[row] >= 0 else nothing
        item = known.items[rows.items[row]] if rows.items[row] >= 0 else nothing
        score = dot(user, item) + np.float64(user[-1])
        found[row] = _probability(score, np.float64(item[-1]), known.shared)
    return found


@kernel
def learn_all(
    rows: Interactions, known: Parameters, steps: Steps, position: int, met: int
) -> tuple[np.ndarray, np.ndarray]:
    """Learn in order.

    Returns (n,) probabilities from before each, and (n,) rows of the negative items drawn, ABSENT
    where none was.

    position : samples learned before. met : items among which negatives are drawn; those that
    are new in these rows count from their sample on, so that it does not matter where batches end.
    """
    found, drawn = np.empty(rows.users.shape[0]), np.full(rows.users.shape[0], ABSENT)
    nothing = np.zeros(known.users.shape[1], np.float32)
    before, difference = nothing.copy(), nothing.copy()
    for row in range(found.shape[0]):
        u, i = rows.users[row], rows.items[row]
        met = max(met, i + 1)
        user = known.users[u] if u >= 0 else nothing
        item = known.items[i] if i >= 0 else nothing
        label, weight = rows.labels[row], rows.weights[row]
        score = np.float64(user[-1]) if rows.new[row] else dot(user, item) + np.float64(user[-1])
        found[row] = _probability(score, np.float64(item[-1]), known.shared)
        _copy(user, before)
        if steps.bpr:
            if steps.items:
                _calibrate(known.shared, score + np.float64(item[-1]), label, weight, steps)
            if label > 0.5 and i >= 0 and met > 1:
                drawn[row] = _negative(i, met, position + row, steps.seed)
                _rank(known, user, before, difference, i, drawn[row], weight, u >= 0, steps)
        else:
            offset = np.float64(item[-1]) + known.shared[INTERCEPT]
            if steps.users and u >= 0:
                slope = learn_user(user, item, offset, label, weight, steps.user_rate, steps.l2)
            else:
                logit = dot(user, item) + np.float64(user[-1]) + offset
                slope = (sigmoid(logit) - label) * weight
            if steps.items:
                _move_shared(known.shared, INTERCEPT, slope, steps)
                if i >= 0:
                    _move(known, i, before, slope, weight, steps)
    return found, drawn


@inlined
def _probability(score: float, bias: float, shared: np.ndarray) -> float:
    """Of a user's score of an item and the item's bias."""
    return clipped(sigmoid(shared[SCALE] * (score + bias) + shared[INTERCEPT]))


@inlined
def _copy(source: np.ndarray, target: np.ndarray) -> None:
    for d in range(source.shape[0]):
        target[d] = source[d]


@inlined
def _move(  # noqa: PLR0917
    known: Parameters, i: int, user: np.ndarray, slope: float, weight: float, steps: Steps
) -> None:
    move_item(
        known.items[i],
        known.squares[i],
        user,
        slope,
        weight,
        steps.item_rate,
        steps.l2,
        steps.adagrad,
    )


@inlined
def _move_shared(shared: np.ndarray, at: int, slope: float, steps: Steps) -> None:
    """Adagrad, whatever items learn by: one rate would not suit a number that all samples move."""
    shared[at + 1] += slope * slope
    shared[at] -= steps.item_rate * slope / math.sqrt(shared[at + 1])


@inlined
def _calibrate(shared: np.ndarray, score: float, label: float, weight: float, steps: Steps) -> None:
    """Platt scaling, step by step: BPR's scores order, they are no log-odds."""
    slope = (sigmoid(shared[SCALE] * score + shared[INTERCEPT]) - label) * weight
    _move_shared(shared, INTERCEPT, slope, steps)
    _move_shared(shared, SCALE, slope * score, steps)


@inlined
def _negative(positive: int, met: int, position: int, seed: int) -> int:
    """Another item than this one of the ``met`` > 1 first, the same at each replay."""
    drawn = mixed(np.uint64(position) * STRIDE + mixed(np.uint64(seed)))
    other = np.int64(drawn % np.uint64(met - 1))
    return int(other + 1 if other >= positive else other)


@inlined
def _rank(  # noqa: PLR0917
    known: Parameters,
    user: np.ndarray,
    before: np.ndarray,
    difference: np.ndarray,
    i: int,
    j: int,
    weight: float,
    is_user: bool,
    steps: Steps,
) -> None:
    """A BPR step that item i is preferred to item j."""
    for d in range(difference.shape[0]):
        difference[d] = known.items[i, d] - known.items[j, d]
    if steps.users and is_user:
        slope = learn_pair(user, difference, weight, steps.user_rate, steps.l2)
    else:
        slope = (sigmoid(dot(user, difference) + np.float64(difference[-1])) - 1.0) * weight
    if steps.items:
        _move(known, i, before, slope, weight, steps)
        _move(known, j, before, -slope, weight, steps)
