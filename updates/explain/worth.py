"""What an update was worth: both versions on the samples since, which neither had learned."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from updates.explain.frame import Frame
from updates.metrics import losses, quality

RESAMPLES = 1_000
TAIL = 2.5


@dataclass(frozen=True)
class Worth:
    """NE of both on the same samples; differences are the version's less those of ``against``.

    low, high : of the difference, 95 % of so many paired resamplings of the samples. Where they are
    too few to judge, or of one label only, all but ``samples`` are None.
    """

    samples: int
    against_ne: float | None = None
    version_ne: float | None = None
    ne_difference: float | None = None
    low: float | None = None
    high: float | None = None
    loss_difference: float | None = None


def worth(frame: Frame) -> Worth:
    """Of the samples of the frame that neither version learned, and whose labels are final."""
    rows = np.flatnonzero(frame.since & frame.known)
    labels, weights = frame.labels[rows], frame.weights[rows]
    theirs, ours = (quality(labels, p[rows], weights) for p in (frame.against, frame.version))
    if not ours.judgeable or theirs.ne is None or ours.ne is None:
        return Worth(len(rows))
    differences = losses(labels, frame.version[rows]) - losses(labels, frame.against[rows])
    low, high = np.percentile(_resampled(labels, differences, weights), [TAIL, 100 - TAIL])
    return Worth(
        len(rows),
        theirs.ne,
        ours.ne,
        ours.ne - theirs.ne,
        float(low),
        float(high),
        float(differences @ weights / weights.sum()),
    )


def _resampled(labels: np.ndarray, differences: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(RESAMPLES,) differences of NE (Efron & Tibshirani 1993, §6): a sample is drawn with both its
    losses, so that what is hard for both does not count as noise."""
    rng, n = np.random.default_rng(1), len(labels)
    found = np.empty(RESAMPLES)
    for i in range(RESAMPLES):
        drawn = rng.integers(0, n, n)
        w = weights[drawn]
        rate = np.clip(labels[drawn] @ w / w.sum(), 1e-12, 1 - 1e-12)
        entropy = -rate * np.log(rate) - (1 - rate) * np.log1p(-rate)
        found[i] = differences[drawn] @ w / w.sum() / entropy
    return found
