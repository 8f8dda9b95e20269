"""Probabilities of a linear model: the logistic function of a margin."""

from __future__ import annotations

import math

import numpy as np

from updates.samples.jit import kernel

SMALLEST = 1e-15  # predictions stay within [SMALLEST, 1 - SMALLEST], so that their log is finite


@kernel
def sigmoid(margin: float) -> float:
    """1 / (1 + exp(-margin)); 0 or 1 in double precision far out."""
    return 1.0 / (1.0 + math.exp(-margin))


@kernel
def clipped(probability: float) -> float:
    """A probability whose logarithm, and that of its complement, is finite."""
    return min(max(probability, SMALLEST), 1.0 - SMALLEST)


@kernel
def probabilities(
    indptr: np.ndarray, values: np.ndarray, weights: np.ndarray, intercept: float
) -> np.ndarray:
    """(n,) clipped probabilities of rows whose keys have these (nnz,) values and weights.

    Adds in the order of the keys, as learning does: equal weights give equal bits.
    """
    result = np.empty(indptr.shape[0] - 1)
    for row in range(indptr.shape[0] - 1):
        margin = intercept
        for j in range(indptr[row], indptr[row + 1]):
            margin += weights[j] * values[j]
        result[row] = clipped(sigmoid(margin))
    return result
