"""The items that score highest for one user: all scores by one matrix product, exactly."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
import pyarrow as pa


class Recommendations(NamedTuple):
    """items : (m,) names, the best first. scores : (m,) float32 log-odds as far as the loss is
    logistic, falling; equal ones in the order in which items came."""

    items: list[str]
    scores: np.ndarray


def best(scores: np.ndarray, k: int) -> np.ndarray:
    """(min(k, n),) int64 places of the highest finite scores, the highest first, ties by place.

    scores : (n,) float32; −inf is never chosen.
    """
    k = min(k, int(np.count_nonzero(scores > -np.inf)))
    if k <= 0:
        return np.empty(0, np.int64)
    bar = scores[np.argpartition(scores, len(scores) - k)[len(scores) - k]]
    places = np.flatnonzero(scores >= bar)
    chosen: np.ndarray = places[np.argsort(-scores[places], kind="stable")][:k]
    return chosen


def recommend(
    user: np.ndarray,
    items: np.ndarray,
    names: pa.LargeStringArray,
    k: int,
    seen: np.ndarray,
) -> Recommendations:
    """At most k items for a user.

    Parameters
    ----------
    user, items : (dim + 1,) and (n, dim + 1) float32, biases last; the user's
        is what is added to all scores.
    seen : (s,) int64 rows of items that are left out; ABSENT (-1) is none.
    """
    weights = user.copy()
    weights[-1] = 1.0
    scores = items @ weights
    scores[seen[seen >= 0]] = -np.inf
    places = best(scores, k)
    chosen: list[str] = names.take(pa.array(places)).to_pylist()
    return Recommendations(chosen, scores[places] + user[-1])


def as_names(seen: Collection[str]) -> pa.StringArray:
    """Names as an Arrow array, of which keys can be made."""
    return pa.array(list(seen), pa.string())
