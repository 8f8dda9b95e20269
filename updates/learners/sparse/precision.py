"""Weights in fewer bits, for serving (McMahan et al., KDD 2013, §4.2): rounded at random, unbiased.

A weight goes to one of its two neighbours in the coarser numbers, the nearer the likelier, so that
the mean of many is right and no bias adds up over the features of a row. The dice are a hash of
the key: the same weight of the same key is always rounded alike.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from updates.learners.sparse.admission import mixed
from updates.samples.jit import kernel

FLOAT64, FLOAT32, FLOAT16, Q2_13 = "float64", "float32", "float16", "q2.13"
PRECISIONS = (FLOAT64, FLOAT32, FLOAT16, Q2_13)
STEP = 2.0**-13  # of q2.13: a sign, 2 bits before the point, 13 after it, in [-4, 4)
DTYPES: dict[str, Any] = {
    FLOAT64: np.float64,
    FLOAT32: np.float32,
    FLOAT16: np.float16,
    Q2_13: np.int16,
}


def packed(keys: np.ndarray, weights: np.ndarray, precision: str) -> np.ndarray:
    """(n,) weights of the keys in the precision; what is beyond its range becomes its end."""
    if precision == FLOAT64:
        return weights
    draws = _draws(keys)
    if precision == Q2_13:
        steps = np.clip(np.floor(weights / STEP + draws), -(2**15), 2**15 - 1)
        return np.asarray(steps, np.int16)
    dtype = DTYPES[precision]
    limit = np.finfo(dtype).max
    weights = np.clip(weights, -float(limit), float(limit))
    nearest = weights.astype(dtype)
    below = np.where(nearest > weights, np.nextafter(nearest, -limit), nearest)
    above = np.where(below < weights, np.nextafter(below, limit), below)
    low, high = below.astype(np.float64), above.astype(np.float64)
    share = np.divide(weights - low, high - low, out=np.zeros(len(low)), where=high > low)
    rounded: np.ndarray = np.where(draws < share, above, below)
    return rounded


def unpacked(weights: np.ndarray) -> np.ndarray:
    """(n,) float64 that packed weights stand for; their type tells the precision."""
    steps = STEP if weights.dtype == np.int16 else 1.0
    return weights.astype(np.float64) * steps


def weight_bytes(precision: str) -> int:
    """Bytes of one weight."""
    return int(np.dtype(DTYPES[precision]).itemsize)


@kernel
def _draws(keys: np.ndarray) -> np.ndarray:
    """(n,) numbers from 0 on and below 1, by key."""
    draws = np.empty(keys.shape[0])
    for i in range(keys.shape[0]):
        draws[i] = np.float64(mixed(keys[i]) >> np.uint64(11)) * 2.0**-53
    return draws
