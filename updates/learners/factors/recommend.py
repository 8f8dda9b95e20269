"""The best items for a user, exactly: all scores by one matrix product."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from updates.learners.factors.learner import Factors


def recommend(
    learner: Factors, user: str, k: int, seen: Collection[str] = ()
) -> tuple[list[str], np.ndarray]:
    """Ids and scores of the k items with the highest probability for a user, without those seen.

    A user who is not known is read as zeros, and gets the items with the highest bias.

    Returns
    -------
    names, scores : m <= k ids, fewer where fewer items are known, and (m,) float64 logits, which
        descend; equal scores in the order in which the items came.

    Raises
    ------
    ValueError
        k is less than 1.
    """
    vector, bias = learner.user_vector(user)
    return recommend_for(learner, vector, float(bias), k, seen)


def recommend_for(
    learner: Factors, vector: np.ndarray, bias: float, k: int, seen: Collection[str] = ()
) -> tuple[list[str], np.ndarray]:
    """As ``recommend``, for a user's (dim,) vector and bias, of the learner's space."""
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    scores = learner.items.known @ np.append(vector, 1.0).astype(np.float32)
    scores[learner.item_rows(seen)] = -np.inf
    best = _best(scores, k)
    return learner.item_names(best), scores[best].astype(np.float64) + learner.intercept + bias


def _best(scores: np.ndarray, k: int) -> np.ndarray:
    """Rows of the k highest finite scores, descending, equal ones in their order."""
    candidates = np.flatnonzero(scores > -np.inf)
    if len(candidates) > k:
        lowest = np.partition(scores, len(scores) - k)[len(scores) - k]
        candidates = np.flatnonzero(scores >= lowest)
    order = np.argsort(-scores[candidates], kind="stable")
    found: np.ndarray = candidates[order[:k]]
    return found
