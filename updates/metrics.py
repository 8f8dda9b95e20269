"""Quality of predictions, as defined in McMahan et al. 2013 and He et al. 2014. No Django.

All take (n,) arrays: labels in {0, 1}, predictions in [0, 1], weights ≥ 0.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np

# Predictions are clipped this far from 0 and 1, so that one certain mistake is not infinite.
CLIP = 1e-15


@dataclass(frozen=True)
class Quality:
    """Quality on one set of samples; None where it is not defined (one class only, no samples).

    log_loss : weighted mean of −y ln p − (1−y) ln(1−p), in nats.
    ne : log_loss / entropy of the mean label (He et al. 2014, eq. 1, on these samples).
    auc : probability that a random positive is ranked above a random negative, ties half.
    calibration : Σp / Σy (He et al. 2014, §2).
    """

    samples: int
    positives: int
    log_loss: float | None
    ne: float | None
    auc: float | None
    calibration: float | None

    def to_json(self) -> dict[str, float | None]:
        """As stored with runs and versions."""
        return asdict(self)


def losses(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    """(n,) log losses in nats."""
    p = np.clip(predictions, CLIP, 1 - CLIP)
    found: np.ndarray = -np.where(labels > 0.5, np.log(p), np.log1p(-p))
    return found


def entropy(mean_label: float) -> float:
    """Entropy in nats of a coin that shows 1 with that probability."""
    if not 0 < mean_label < 1:
        return 0.0
    return -mean_label * math.log(mean_label) - (1 - mean_label) * math.log1p(-mean_label)


def auc(labels: np.ndarray, predictions: np.ndarray) -> float | None:
    """Area under the ROC curve by ranks, with mid-ranks on ties; None if one class is missing."""
    positive = labels > 0.5
    n1 = int(positive.sum())
    n0 = len(labels) - n1
    if not n1 or not n0:
        return None
    _, inverse, counts = np.unique(predictions, return_inverse=True, return_counts=True)
    mid_ranks = np.cumsum(counts) - (counts - 1) / 2
    return float((mid_ranks[inverse][positive].sum() - n1 * (n1 + 1) / 2) / (n1 * n0))


def quality(
    labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None = None
) -> Quality:
    """All measures on one set of samples."""
    n = len(labels)
    weights = np.ones(n) if weights is None else weights
    total = float(weights.sum())
    if not total:
        return Quality(n, int((labels > 0.5).sum()), None, None, None, None)
    log_loss = float(np.dot(losses(labels, predictions), weights) / total)
    clicks = float(np.dot(labels, weights))
    background = entropy(clicks / total)
    return Quality(
        samples=n,
        positives=int((labels > 0.5).sum()),
        log_loss=log_loss,
        ne=log_loss / background if background else None,
        auc=auc(labels, predictions),
        calibration=float(np.dot(predictions, weights)) / clicks if clicks else None,
    )


@dataclass(frozen=True)
class LossDifference:
    """Mean of candidate's minus reference's log losses on the same samples, and its noise.

    standard_error : of the mean, from the paired differences; None with fewer than 2 samples.
    """

    mean: float
    standard_error: float | None

    def at_least(self, errors: float) -> float:
        """The difference less so many standard errors; −∞ where the noise is unknown."""
        return (
            -math.inf if self.standard_error is None else self.mean - errors * self.standard_error
        )


def loss_difference(
    labels: np.ndarray, candidate: np.ndarray, reference: np.ndarray
) -> LossDifference:
    """Paired comparison of two sets of predictions, in nats a sample."""
    differences = losses(labels, candidate) - losses(labels, reference)
    n = len(differences)
    error = float(differences.std(ddof=1) / math.sqrt(n)) if n > 1 else None
    return LossDifference(float(differences.mean()) if n else 0.0, error)
