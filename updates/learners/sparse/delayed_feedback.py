"""Corrections of a stream in which every impression is a negative at once, again if positive.

Ktena et al. 2019, "Addressing Delayed Feedback for Continuous Training with Neural Networks in CTR
Prediction" (RecSys): of such a stream a share b = p / (1 + p) is positive where p of the
impressions are. Either the loss is weighted so that p is learned, or b is, and p computed of it.
"""

from __future__ import annotations

import numpy as np

from updates.learners.sparse.logistic import SMALLEST
from updates.samples.jit import kernel


@kernel
def fake_negative_weight(probability: float, label: float) -> float:
    """What the loss of a row counts: 1 + p as a positive, (1 − p)(1 + p) as a negative.

    A constant to the gradient. Negatives of every impression and positives of a share p* of them
    then pull by (1 − p²)(p − p*): p is learned, not b.
    """
    return (1.0 + probability) * (1.0 - probability * (1.0 - label))


def calibrated(biased: np.ndarray) -> np.ndarray:
    """(n,) probabilities p = b / (1 − b) of what a model of such a stream predicts.

    No p has a b of more than a half: what is predicted beyond that counts as p = 1, clipped.
    """
    b = np.minimum(biased, 0.5)
    result: np.ndarray = np.clip(b / (1.0 - b), SMALLEST, 1.0 - SMALLEST)
    return result
