"""Progressive validation of a stream: every sample predicted before it is learned, all counted.

Blum, Kalai & Langford 1999; McMahan et al. 2013, §5.1. Sums and a histogram stand for the samples,
so that a window of any length costs the same memory. No Django.
"""

from __future__ import annotations

import numpy as np

from updates.metrics import Quality, entropy, losses

# Of log-odds from −LIMIT to LIMIT: AUC from bins this narrow is right to three digits.
BINS = 2_048
LIMIT = 16.0
CLIP = 1e-9


class Progressive:
    """What a stream's predictions were worth, added up as it goes.

    fake_negatives : the stream holds every impression as a negative and repeats it when it turns
        out positive. The repetition takes back what the negative had counted, at the prediction
        of now, so that impressions count once, with the labels that have come.
    """

    def __init__(self, *, fake_negatives: bool = False) -> None:
        self.fake_negatives = fake_negatives
        self.samples = 0
        self._positives = 0
        self._weight = self._clicks = self._predicted = self._loss = 0.0
        self._by_score = np.zeros((2, BINS))

    def add(self, labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray) -> None:
        """Count (n,) labels in {0, 1}, predictions made before learning them, weights ≥ 0."""
        self._count(labels, predictions, weights, 1)
        if self.fake_negatives:
            positive = labels > 0.5
            taken_back = np.zeros(int(positive.sum()))
            self._count(taken_back, predictions[positive], -weights[positive], -1)

    def _count(
        self, labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray, times: int
    ) -> None:
        self.samples += times * len(labels)
        positive = labels > 0.5
        self._positives += int(positive.sum())
        self._weight += float(weights.sum())
        self._clicks += float(np.dot(labels, weights))
        self._predicted += float(np.dot(predictions, weights))
        self._loss += float(np.dot(losses(labels, predictions), weights))
        clipped = np.clip(predictions, CLIP, 1 - CLIP)
        scores = np.log(clipped) - np.log1p(-clipped)
        bins = ((np.clip(scores, -LIMIT, LIMIT) + LIMIT) * ((BINS - 1) / (2 * LIMIT))).astype(int)
        for label in (0, 1):
            self._by_score[label] += times * np.bincount(bins[positive == label], minlength=BINS)

    def quality(self) -> Quality:
        """All measures of what was counted; AUC is that of the predictions put into bins."""
        if self._weight <= 0:
            return Quality(self.samples, self._positives, None, None, None, None)
        log_loss = self._loss / self._weight
        background = entropy(self._clicks / self._weight)
        return Quality(
            samples=self.samples,
            positives=self._positives,
            log_loss=log_loss,
            ne=log_loss / background if background else None,
            auc=self._auc(),
            calibration=self._predicted / self._clicks if self._clicks else None,
        )

    def _auc(self) -> float | None:
        negatives, positives = self._by_score
        pairs = negatives.sum() * positives.sum()
        if pairs <= 0:
            return None
        below = np.cumsum(negatives) - negatives
        return float((positives * (below + negatives / 2)).sum() / pairs)
