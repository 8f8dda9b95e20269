"""Windows of judged samples: filled until they tell something, then recorded."""

from __future__ import annotations

import numpy as np

from monitoring import metrics
from updates.metrics import Quality
from updates.models import Recommender
from updates.progressive import Progressive

LEAST_SAMPLES = 50
# NE rests on the rarer label; a window is filled until it has a few of it, or is long enough.
LEAST_OF_EACH_LABEL = 5
LONG_WINDOW = 1000

# (label, prediction, weight) of each sample.
Window = list[tuple[float, float, float]]


def is_full(window: Window) -> bool:
    """Whether it is worth recording: at least 50 samples, 5 of them of the rarer label; or 1,000
    samples, whatever their labels."""
    positives = sum(label > 0.5 for label, _, _ in window)
    rarer = min(positives, len(window) - positives)
    enough = len(window) >= LEAST_SAMPLES and rarer >= LEAST_OF_EACH_LABEL
    return enough or len(window) >= LONG_WINDOW


def measured(recommender: Recommender, window: Window) -> Quality:
    """The quality of a window's predictions."""
    labels, predictions, weights = np.array(window).T
    counted = Progressive(fake_negatives=recommender.fake_negatives)
    counted.add(labels, predictions, weights)
    return counted.quality()


def quality_values(quality: Quality) -> dict[str, float | None]:
    """As kept in series."""
    return {
        metrics.NE: quality.ne,
        metrics.LOG_LOSS: quality.log_loss,
        metrics.AUC: quality.auc,
        metrics.CALIBRATION: quality.calibration,
    }
