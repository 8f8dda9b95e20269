"""Quality of predictions, as defined in McMahan et al. 2013 and He et al. 2014. No Django.

All take (n,) arrays: labels in {0, 1}, predictions in [0, 1], weights ≥ 0.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
from scipy.special import ndtri, stdtr, stdtrit

# Predictions are clipped this far from 0 and 1, so that one certain mistake is not infinite.
CLIP = 1e-15

# With fewer held-out samples, or fewer of the rarer label, a verdict is chance: one session of one
# user decides it, and with few positives the losses' mean is far from normally distributed. How
# often an equally good candidate is rejected with and without: docs/operating.md.
MIN_SAMPLES = 100
MIN_OF_EACH_LABEL = 10
# A gate that is asked each hour and wrong one time in twenty is wrong every day.
CONFIDENCE = 0.99
# Of intervals that are shown.
SHOWN_CONFIDENCE = 0.95


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

    @property
    def of_rarer_label(self) -> int:
        """Samples of the label that fewer have."""
        return min(self.positives, self.samples - self.positives)

    @property
    def judgeable(self) -> bool:
        """Whether guardrails may judge by these samples, or they are too few."""
        enough = self.samples >= MIN_SAMPLES and self.of_rarer_label >= MIN_OF_EACH_LABEL
        return enough and self.ne is not None

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
class Estimate:
    """A number measured on samples, its standard error, None where unknown, and the degrees of
    freedom that the error has."""

    value: float
    standard_error: float | None
    degrees: int

    def bounds(self, confidence: float = CONFIDENCE) -> tuple[float, float] | None:
        """Between what it is, on either side so confidently; None where the error is unknown."""
        if self.standard_error is None:
            return None
        half = float(stdtrit(self.degrees, confidence)) * self.standard_error
        return self.value - half, self.value + half

    def surprise(self, limit: float) -> float:
        """How far above the limit it is, as a standard normal score of the same tail probability.

        By Student's t; −∞ where the error is unknown.
        """
        if self.standard_error is None:
            return -math.inf
        if not self.standard_error:
            return math.copysign(math.inf, self.value - limit)
        t = (self.value - limit) / self.standard_error
        # Of the smaller tail, so that nothing is lost near 1.
        return math.copysign(-float(ndtri(stdtr(self.degrees, -abs(t)))), t)


@dataclass(frozen=True)
class LossDifference:
    """Mean of candidate's minus reference's log losses on the same samples, and its noise.

    mean : weighted, in nats a sample.
    standard_error : of the mean, from the paired differences; None with fewer than 2 samples.
    degrees : of freedom that the error has.
    entropy : of the weighted mean label, which NE is measured in; 0 with one label only.
    """

    mean: float
    standard_error: float | None
    degrees: int
    entropy: float

    @property
    def ne_increase(self) -> float:
        """The candidate's NE less the reference's; 0 where NE is not defined."""
        return self.mean / self.entropy if self.entropy else 0.0

    @property
    def ne_increase_at_least(self) -> float:
        """The same less the noise, at 99 % confidence; −∞ where that is unknown."""
        return self.least_ne_increase(CONFIDENCE)

    def least_ne_increase(self, confidence: float) -> float:
        """The same at another confidence."""
        if self.standard_error is None or not self.entropy:
            return -math.inf
        return (self.mean - self._errors(confidence) * self.standard_error) / self.entropy

    def surprise(self, allowed: float) -> float:
        """How surely NE has risen by more than is allowed; see ``Estimate.surprise``."""
        if not self.entropy:
            return -math.inf
        return Estimate(self.mean, self.standard_error, self.degrees).surprise(
            allowed * self.entropy
        )

    @property
    def ne_increase_interval(self) -> tuple[float, float] | None:
        """Lowest and highest with 95 % confidence; None where the noise is unknown."""
        if self.standard_error is None or not self.entropy:
            return None
        half = self._errors((1 + SHOWN_CONFIDENCE) / 2) * self.standard_error / self.entropy
        return self.ne_increase - half, self.ne_increase + half

    @property
    def beyond_noise(self) -> bool:
        """Whether it differs from 0 with 99 % confidence, to the side that it is on."""
        if self.standard_error is None:
            return False
        return abs(self.mean) > self._errors(CONFIDENCE) * self.standard_error

    def _errors(self, confidence: float) -> float:
        """How many standard errors below the mean the truth is at most, so confidently."""
        return float(stdtrit(self.degrees, confidence))


def loss_difference(
    labels: np.ndarray,
    candidate: np.ndarray,
    reference: np.ndarray,
    weights: np.ndarray | None = None,
    groups: np.ndarray | None = None,
) -> LossDifference:
    """Paired comparison of two sets of predictions; samples count by their weights.

    groups : (n,) numbers from 0; samples of one number, such as those of one user, may err
        together. The error is then that of the groups' sums (Liang & Zeger 1986), with Student's t
        for how few there are (Cameron & Miller 2015, §VI.D). Of fewer than two groups nothing can
        be said: all samples are then taken to be independent.
    """
    n = len(labels)
    weights = np.ones(n) if weights is None else weights
    total = float(weights.sum())
    if not total:
        return LossDifference(0.0, None, 0, 0.0)
    differences = losses(labels, candidate) - losses(labels, reference)
    mean = float(np.dot(differences, weights) / total)
    error, degrees = _error_of_sum((differences - mean) * weights, groups)
    return LossDifference(
        mean,
        None if error is None else error / total,
        degrees,
        entropy(float(np.dot(labels, weights)) / total),
    )


def difference_of_groups(
    differences: np.ndarray, weights: np.ndarray, mean_label: float
) -> LossDifference:
    """As ``loss_difference``, of samples that are added up by groups, each of users of its own.

    differences, weights : (g,) sums of weighted loss differences and of weights, 0 of a group that
    has no samples. mean_label : weighted, of all samples.
    """
    total = float(weights.sum())
    if total <= 0:
        return LossDifference(0.0, None, 0, 0.0)
    mean = float(differences.sum()) / total
    there = (weights != 0) | (differences != 0)
    error, degrees = _error_of_sum((differences - mean * weights)[there], None)
    noise = None if error is None else error / total
    return LossDifference(mean, noise, degrees, entropy(mean_label))


def loss_estimate(
    labels: np.ndarray,
    predictions: np.ndarray,
    weights: np.ndarray,
    groups: np.ndarray | None = None,
) -> Estimate | None:
    """Mean log loss with its error, groups as in ``loss_difference``; None without weight."""
    total = float(weights.sum())
    if not total:
        return None
    found = losses(labels, predictions)
    mean = float(np.dot(found, weights) / total)
    error, degrees = _error_of_sum((found - mean) * weights, groups)
    return Estimate(mean, None if error is None else error / total, degrees)


def calibration_estimate(
    labels: np.ndarray,
    predictions: np.ndarray,
    weights: np.ndarray,
    groups: np.ndarray | None = None,
) -> Estimate | None:
    """Calibration, Σp ÷ Σy, with its error.

    That of a ratio (its linearisation), with groups as in ``loss_difference``. None where nothing
    was clicked.
    """
    clicks = float(np.dot(labels, weights))
    if not clicks:
        return None
    ratio = float(np.dot(predictions, weights)) / clicks
    error, degrees = _error_of_sum((predictions - ratio * labels) * weights, groups)
    return Estimate(ratio, None if error is None else error / clicks, degrees)


def _error_of_sum(parts: np.ndarray, groups: np.ndarray | None) -> tuple[float | None, int]:
    """Standard error of the sum of (n,) parts whose mean is 0, and its degrees of freedom."""
    sums = parts
    if groups is not None:
        sums = np.bincount(groups, parts)[np.unique(groups)]
        sums = sums if len(sums) > 1 else parts
    n = len(sums)
    if n < 2:
        return None, 0
    return float(np.linalg.norm(sums)) * math.sqrt(n / (n - 1)), n - 1
