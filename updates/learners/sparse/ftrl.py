"""FTRL-Proximal with per-coordinate rates, L1 and L2 (McMahan et al., KDD 2013, Algorithm 1)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from updates.learners.options import Option
from updates.learners.sparse.algorithm import Algorithm, Rows
from updates.learners.sparse.logistic import clipped, sigmoid
from updates.learners.sparse.slots import STATE, Scratch, View, block_end, locate
from updates.samples.jit import kernel

Z, N = STATE, STATE + 1


class Parameters(NamedTuple):
    """Alpha, beta, lambda 1 and lambda 2 of Algorithm 1."""

    alpha: float
    beta: float
    l1: float
    l2: float


@kernel
def weight(z: float, n: float, parameters: Parameters) -> float:
    """The weight that z and n stand for: exactly 0 while |z| <= l1.

    Also 0 while n is 0: of gradients so small that their squares vanish, beta = 0 would make an
    infinite weight.
    """
    if abs(z) <= parameters.l1 or n == 0.0:
        return 0.0
    rate = (parameters.beta + math.sqrt(n)) / parameters.alpha + parameters.l2
    return -(z - math.copysign(parameters.l1, z)) / rate


@kernel
def update(
    cell: np.ndarray, slot: int, gradient: float, weight: float, parameters: Parameters
) -> None:
    """Move z and n of one coordinate by its gradient at the weight it was predicted with."""
    n = cell[slot, N]
    after = n + gradient * gradient
    sigma = (math.sqrt(after) - math.sqrt(n)) / parameters.alpha
    cell[slot, Z] += gradient - sigma * weight
    cell[slot, N] = after


@kernel
def learn(  # noqa: PLR0917
    view: View,
    rows: Rows,
    row: int,
    size: int,
    predictions: np.ndarray,
    inserted: np.ndarray,
    count: int,
    intercept: np.ndarray,
    constant: float,
    parameters: Parameters,
    scratch: Scratch,
) -> tuple[int, int, int]:
    """Predict, then learn, row by row; see ``Algorithm.learn``."""
    states, slots, weights = view.states, scratch.slots, scratch.weights
    while row < predictions.shape[0]:
        end, base = block_end(rows.indptr, row), rows.indptr[row]
        fits, size, count = locate(
            view, size, rows.keys, base, rows.indptr[end], scratch, inserted, count
        )
        if not fits:
            break
        for i in range(row, end):
            start, stop = rows.indptr[i], rows.indptr[i + 1]
            bias = weight(intercept[0, Z], intercept[0, N], parameters)
            margin = bias * constant
            for j in range(start, stop):
                slot = slots[j - base]
                weights[j - base] = weight(states[slot, Z], states[slot, N], parameters)
                margin += weights[j - base] * rows.values[j]
            probability = sigmoid(margin)
            predictions[i] = clipped(probability)
            slope = (probability - rows.labels[i]) * rows.weights[i]
            update(intercept, 0, slope * constant, bias, parameters)
            for j in range(start, stop):
                gradient = slope * rows.values[j]
                update(states, slots[j - base], gradient, weights[j - base], parameters)
        row = end
    return row, size, count


@kernel
def weights_at(states: np.ndarray, slots: np.ndarray, parameters: Parameters) -> np.ndarray:
    """(n,) weights of the cells ``slots``; 0 where a slot is ABSENT."""
    result = np.zeros(slots.shape[0])
    for i in range(slots.shape[0]):
        if slots[i] >= 0:
            result[i] = weight(states[slots[i], Z], states[slots[i], N], parameters)
    return result


FTRL = Algorithm(
    name="ftrl",
    columns=("z", "n"),
    options=(
        Option("alpha", 0.1, "Learning rate: how far the first steps go.", 1e-6, 100.0),
        Option("beta", 1.0, "Slows the first steps of each feature; 1 is usually good.", 0.0, 1e3),
        Option("l1", 1.0, "L1: the larger, the more weights are exactly zero.", 0.0, 1e6),
        Option("l2", 0.0, "L2: the larger, the smaller the weights.", 0.0, 1e6),
    ),
    parameters=Parameters,
    learn=learn,
    weights=weights_at,
)
