"""Has the mean log loss of a stream risen, and where? One change at most, found afterwards."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from scipy.stats import norm

# One-sided, over all places where a stretch may be split together (Bonferroni).
SIGNIFICANCE = 0.01
LEAST_SAMPLES = 100
# How far around an alarm a rise makes it a true one.
BEFORE = timedelta(hours=6)
HORIZON = timedelta(hours=2)


@dataclass(frozen=True)
class LossStretch:
    """Cells of a stream in order of time: (c,) starts in seconds, numbers of samples, sums of
    their losses in nats and of the losses' squares."""

    at: np.ndarray
    samples: np.ndarray
    loss: np.ndarray
    squares: np.ndarray

    @property
    def tells(self) -> bool:
        """Whether it has enough samples to be split anywhere."""
        return int(self.samples.sum()) >= 2 * LEAST_SAMPLES


@dataclass(frozen=True)
class LossRise:
    """at : start of the first cell after it. before, after : mean losses in nats."""

    at: float
    before: float
    after: float


def find_rise(stretch: LossStretch) -> LossRise | None:
    """Where the mean loss rose most certainly; None where no split tells more than noise.

    Of every split with at least 100 samples on both sides Welch's statistic is taken, the
    difference of the means by its standard error from both sides' own variances. The largest must
    exceed the normal quantile at 0.01 ÷ number of splits. Losses count as independent.
    """
    n, loss, squares = (np.cumsum(x) for x in (stretch.samples, stretch.loss, stretch.squares))
    if not len(n):
        return None
    left = n[:-1], loss[:-1], squares[:-1]
    right = tuple(total[-1] - part for total, part in zip((n, loss, squares), left, strict=True))
    fits = (left[0] >= LEAST_SAMPLES) & (right[0] >= LEAST_SAMPLES)
    if not fits.any():
        return None
    (before, noise_before), (after, noise_after) = (
        _mean_and_noise(*(part[fits] for part in side)) for side in (left, right)
    )
    certainty = (after - before) / np.sqrt(np.maximum(noise_before + noise_after, 1e-300))
    best = int(np.argmax(certainty))
    if certainty[best] <= norm.isf(SIGNIFICANCE / fits.sum()):
        return None
    at = stretch.at[1:][fits][best]
    return LossRise(float(at), float(before[best]), float(after[best]))


def _mean_and_noise(
    n: np.ndarray, loss: np.ndarray, squares: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Means, and their squared standard errors."""
    mean = loss / n
    return mean, np.maximum(squares / n - mean**2, 0) / (n - 1)
