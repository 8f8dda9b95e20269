"""What learning does to one user's vector, as functions that a device's module is a port of."""

from __future__ import annotations

import numpy as np

from updates.learners.factors.steps import learn_logistic, learn_pairs


def user_step(  # noqa: PLR0917
    vector: np.ndarray,
    bias: float,
    item_vectors: np.ndarray,
    item_biases: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    rate: float,
    l2: float,
) -> tuple[np.ndarray, float]:
    """A user after n interactions, learned in order while items stand still.

    Of each interaction with item vector v, item bias b, label y and weight w:
    ``slope = (1 / (1 + exp(−(u·v + bias + b))) − y)·w``, then ``u −= rate·(slope·v + w·l2·u)`` and
    ``bias −= rate·(slope + w·l2·bias)``. Products and sums are float64, u·v summed first and in the
    order of the coordinates; u and bias are rounded to float32 after every interaction. It is bit
    for bit what ``Factors.learn`` does to a user with ``loss`` logistic where only users learn.

    Where rate·w is above ``MOST_STEP``, the interaction is learned n = ceil(rate·w / MOST_STEP)
    times in a row, at most ``MOST_PARTS`` times, with the weight min(w / n, MOST_STEP / rate).

    Parameters
    ----------
    vector : (dim,) float32; zeros for a new user, whose bias is 0. bias : a float32's value.
    item_vectors : (n, dim) float32.
    item_biases : (n,) float64, each item's bias plus the intercept: ``Factors.item_biases``.
    labels, weights : (n,) float64.
    rate, l2 : the settings ``user_rate`` and ``l2``.

    Returns
    -------
    (dim,) float32 and the bias; the inputs are left as they are.
    """
    user = np.append(vector, bias).astype(np.float32)
    biases = np.asarray(item_biases, np.float64)
    items = _rows(item_vectors, biases)
    steps = float(rate), float(l2)
    learn_logistic(user, items, biases, _floats(labels), _floats(weights), *steps)
    return user[:-1], float(user[-1])


def user_step_pairs(  # noqa: PLR0917
    vector: np.ndarray,
    preferred: tuple[np.ndarray, np.ndarray],
    others: tuple[np.ndarray, np.ndarray],
    weights: np.ndarray,
    rate: float,
    l2: float,
) -> np.ndarray:
    """As ``user_step`` with ``loss`` bpr: a user's vector after n pairs of items.

    Of each pair ``d = v_preferred − v_other``, rounded to float32, and the same of the biases:
    ``slope = (1 / (1 + exp(−(u·d + b))) − 1)·w``, ``u −= rate·(slope·d + w·l2·u)``, in as many
    parts as there. The bias of the user cancels out.

    Parameters
    ----------
    preferred, others : (n, dim) vectors and (n,) biases of the items.

    Returns
    -------
    (dim,) float32.
    """
    user = np.append(vector, 0.0).astype(np.float32)
    differences = _rows(*preferred) - _rows(*others)
    learn_pairs(user, differences, _floats(weights), float(rate), float(l2))
    return user[:-1]


def _rows(vectors: np.ndarray, biases: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(np.column_stack([vectors, biases]), np.float32)


def _floats(values: np.ndarray) -> np.ndarray:
    return np.array(values, np.float64)  # a copy: kernels are compiled for writable arrays
