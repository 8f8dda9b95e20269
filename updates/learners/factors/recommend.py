"""The items that score highest for one user: all scores by one matrix product, exactly."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pyarrow as pa

from updates.learners.base import Recommended
from updates.samples.jit import inlined, kernel


def best(scores: np.ndarray, k: int) -> np.ndarray:
    """(min(k, m),) int64 places of the highest of the m scores other than −inf, the highest first,
    ties by place.

    scores : (n,) float32.
    """
    heap = _highest(scores, max(min(k, len(scores)), 0))
    chosen: np.ndarray = heap[np.lexsort((heap, -scores[heap]))]
    return chosen


@kernel
def _highest(scores: np.ndarray, k: int) -> np.ndarray:
    """Places of the k highest, in a heap whose root is the worst of them: nearly all scores are
    looked at once, as most are below the root's."""
    heap, size = np.empty(k, np.int64), 0
    for place in range(scores.shape[0] if k else 0):
        if scores[place] == -np.inf:
            continue
        if size < k:
            heap[size] = place
            size += 1
            _rise(heap, size - 1, scores)
        elif scores[place] > scores[heap[0]]:
            heap[0] = place
            _sink(heap, size, scores)
    return heap[:size]


@inlined
def _worse(a: int, b: int, scores: np.ndarray) -> bool:
    """Whether place a is to come after place b."""
    return bool(scores[a] < scores[b] or (scores[a] == scores[b] and a > b))


@inlined
def _rise(heap: np.ndarray, at: int, scores: np.ndarray) -> None:
    while at and _worse(heap[at], heap[(at - 1) // 2], scores):
        parent = (at - 1) // 2
        heap[at], heap[parent] = heap[parent], heap[at]
        at = parent


@inlined
def _sink(heap: np.ndarray, size: int, scores: np.ndarray) -> None:
    at = 0
    while 2 * at + 1 < size:
        child = 2 * at + 1
        if child + 1 < size and _worse(heap[child + 1], heap[child], scores):
            child += 1
        if not _worse(heap[child], heap[at], scores):
            return
        heap[at], heap[child] = heap[child], heap[at]
        at = child


def recommend(
    user: np.ndarray,
    items: np.ndarray,
    names: pa.LargeStringArray,
    k: int,
    seen: np.ndarray,
) -> Recommended:
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
    return Recommended(chosen, scores[places] + user[-1])


def as_names(seen: Collection[str]) -> pa.StringArray:
    """Names as an Arrow array, of which keys can be made."""
    return pa.array(list(seen), pa.string())
