"""Gradient steps of one interaction, compiled: the same code learns, and serves ``user_step``.

A user and an item are (dim + 1,) float32 each, their bias last. Sums are float64 in the order of
the coordinates; what is stored is rounded to float32 after every interaction. A port that does the
same differs by its ``exp`` alone.
"""

from __future__ import annotations

import math

import numpy as np

from updates.learners.sparse.logistic import sigmoid
from updates.samples.jit import inlined, kernel

# Of rate·weight at once: from 2 on, two labels that alternate drive vectors apart without end.
MOST_STEP = 0.5
MOST_PARTS = 16


@inlined
def parts_of(weight: float, rate: float) -> tuple[int, float]:
    """In how many parts a user learns a sample, and the weight of each.

    More than one where rate·weight is above MOST_STEP, each from where the one before it led, so
    that a heavy sample leads further along the loss and not past it; weight beyond MOST_PARTS such
    parts does not count.
    """
    count = int(min(max(math.ceil(rate * weight / MOST_STEP), 1.0), MOST_PARTS))
    return count, min(weight / count, MOST_STEP / rate)


@inlined
def dot(user: np.ndarray, item: np.ndarray) -> float:
    """Product of the vectors, biases left out."""
    total = 0.0
    for d in range(user.shape[0] - 1):
        total += np.float64(user[d]) * np.float64(item[d])
    return total


@inlined
def move_user(  # noqa: PLR0917
    user: np.ndarray, item: np.ndarray, slope: float, weight: float, rate: float, l2: float
) -> None:
    """SGD: u −= rate·(slope·v + weight·l2·u) for every coordinate but the bias."""
    pull = weight * l2
    for d in range(user.shape[0] - 1):
        u = np.float64(user[d])
        user[d] = np.float32(u - rate * (slope * np.float64(item[d]) + pull * u))


@inlined
def move_bias(side: np.ndarray, slope: float, weight: float, rate: float, l2: float) -> None:
    """SGD of the bias, whose feature is 1."""
    bias = np.float64(side[-1])
    side[-1] = np.float32(bias - rate * (slope + weight * l2 * bias))


@inlined
def learn_user(  # noqa: PLR0917
    user: np.ndarray,
    item: np.ndarray,
    offset: float,
    label: float,
    weight: float,
    rate: float,
    l2: float,
) -> float:
    """A user learns a sample, the item standing still; returns the slope of the loss by the logit
    before it, times the weight. offset : the item's bias and the intercept."""
    count, part = parts_of(weight, rate)
    first = 0.0
    for k in range(count):
        error = sigmoid(dot(user, item) + np.float64(user[-1]) + offset) - label
        if k == 0:
            first = error
        move_user(user, item, error * part, part, rate, l2)
        move_bias(user, error * part, part, rate, l2)
    return first * weight


@inlined
def move_item(  # noqa: PLR0917
    item: np.ndarray,
    squares: np.ndarray,
    user: np.ndarray,
    slope: float,
    weight: float,
    rate: float,
    l2: float,
    adagrad: bool,
) -> None:
    """A step of an item, the user standing still.

    Adagrad by row: one sum of squares for the vector, of the mean over its coordinates, and one
    for the bias, so that turning all vectors turns what is learned with them. It bounds the step
    of a heavy sample; without it weight beyond MOST_STEP / rate does not count.
    """
    dim, pull = item.shape[0] - 1, weight * l2
    vector_rate, bias_rate = rate, rate
    if adagrad:
        total = 0.0
        for d in range(dim):
            gradient = slope * np.float64(user[d]) + pull * np.float64(item[d])
            total += gradient * gradient
        at_bias = slope + pull * np.float64(item[-1])
        squares[0] += np.float32(total / dim)
        squares[1] += np.float32(at_bias * at_bias)
        vector_rate = rate / math.sqrt(np.float64(squares[0]))
        bias_rate = rate / math.sqrt(np.float64(squares[1]))
    elif rate * weight > MOST_STEP:
        vector_rate = bias_rate = MOST_STEP / weight
    for d in range(dim):
        v = np.float64(item[d])
        item[d] = np.float32(v - vector_rate * (slope * np.float64(user[d]) + pull * v))
    move_bias(item, slope, weight, bias_rate, l2)


@kernel
def learn_logistic(  # noqa: PLR0917
    user: np.ndarray,
    items: np.ndarray,
    offsets: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    rate: float,
    l2: float,
) -> None:
    """Learn a user from interactions in their order, in place.

    user : (dim + 1,) float32. items : (n, dim + 1) float32, biases not read. offsets, labels,
    weights : (n,) float64.
    """
    for row in range(labels.shape[0]):
        learn_user(user, items[row], offsets[row], labels[row], weights[row], rate, l2)


@kernel
def learn_pairs(
    user: np.ndarray,
    differences: np.ndarray,
    weights: np.ndarray,
    rate: float,
    l2: float,
) -> None:
    """Learn a user from BPR's pairs in their order, in place: differences (n, dim + 1) float32 of
    the preferred item and the other one, biases included."""
    for row in range(weights.shape[0]):
        learn_pair(user, differences[row], weights[row], rate, l2)


@inlined
def learn_pair(
    user: np.ndarray, difference: np.ndarray, weight: float, rate: float, l2: float
) -> float:
    """A user learns a pair by BPR (Rendle et al. 2009, §4.1), items standing still; returns the
    slope before it, times the weight.

    The user's bias cancels out and stays as it is.
    """
    count, part = parts_of(weight, rate)
    first = 0.0
    for k in range(count):
        error = sigmoid(dot(user, difference) + np.float64(difference[-1])) - 1.0
        if k == 0:
            first = error
        move_user(user, difference, error * part, part, rate, l2)
    return first * weight
