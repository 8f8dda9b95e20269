"""From one space of items to another: a user's vector turned along, or learned again."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from updates.learners.factors.client import user_step


class Interacted(NamedTuple):
    """What a user did, in order: places of items (n,) int64; labels and weights (n,) float64."""

    items: np.ndarray
    labels: np.ndarray
    weights: np.ndarray


def rotation(old_items: np.ndarray, new_items: np.ndarray) -> np.ndarray:
    """The orthogonal matrix R that brings old vectors of items nearest to the new ones, as
    ``old @ R``: the least ‖old R − new‖ (Schönemann 1966, "A generalized solution of the orthogonal
    Procrustes problem", Psychometrika 31(1)).

    Parameters
    ----------
    old_items, new_items : (n, dim), row by row the vectors of the items that both spaces have.

    Returns
    -------
    (dim, dim) float64. Of fewer than dim items, or ones that lie in fewer dimensions, it is one of
    several that are as near.

    Raises
    ------
    ValueError
        The spaces share no item, or differ in dimensions.
    """
    if old_items.shape != new_items.shape or not old_items.size:
        raise ValueError(
            f"two equally long lists of vectors are needed, got {old_items.shape} and "
            f"{new_items.shape}"
        )
    products = old_items.T.astype(np.float64) @ new_items.astype(np.float64)
    left, _, right = np.linalg.svd(products)
    turned: np.ndarray = left @ right
    return turned


def rebase(vector: np.ndarray, old_items: np.ndarray, new_items: np.ndarray) -> np.ndarray:
    """A user's vector (dim,) float32, or several (m, dim), of the old space in the new one, turned
    as the items that both have were. Biases are of no space. Raises as ``rotation``."""
    turned: np.ndarray = (vector @ rotation(old_items, new_items)).astype(np.float32)
    return turned


def fold_in(
    items: tuple[np.ndarray, np.ndarray],
    interactions: Interacted,
    rate: float,
    l2: float,
    passes: int = 1,
) -> tuple[np.ndarray, float]:
    """A user's vector (dim,) float32 and bias, learned from nothing by its interactions alone.

    Parameters
    ----------
    items : vectors (m, dim) float32 and biases (m,) float64 with the intercept, of the space that
        it is to live in; they stand still.
    passes : how often the interactions are learned, in their order, each as ``user_step`` does.
    """
    vectors, biases = items
    places, labels, weights = interactions
    user, bias = np.zeros(vectors.shape[1], np.float32), 0.0
    for _ in range(passes):
        user, bias = user_step(
            user, bias, vectors[places], biases[places], labels, weights, rate, l2
        )
    return user, bias
