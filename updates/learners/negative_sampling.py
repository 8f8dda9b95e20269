"""Negatives of which only a share is learned, and what that does to probabilities."""

from __future__ import annotations

import numpy as np

from updates.learners.options import Option

NEGATIVE_SAMPLING = Option(
    "negative_sampling_rate",
    1.0,
    "The share of negatives that is learned; predictions are corrected for it. Left out, it is as "
    "the recommender's negative_sampling_rate says.",
    minimum=1e-4,
    maximum=1.0,
)


def corrected(sampled: np.ndarray, rate: float) -> np.ndarray:
    """(n,) probabilities q = p / (p + (1 − p) / w) (He et al. 2014, §6.3).

    sampled : p, learned of all positives and a share w = ``rate`` of the negatives.
    """
    result: np.ndarray = sampled / (sampled + (1.0 - sampled) / rate)
    return result
