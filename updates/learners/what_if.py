"""What other settings of admission and expiry save and cost, replayed sample by sample.

Every setting learns the same samples from nothing, each predicted before it is learned. The first
half of them only warms up; losses are compared on the second, pair by pair.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from updates.learners.base import Learner, Progress, no_progress
from updates.metrics import loss_difference, quality
from updates.samples.schema import LABEL, WEIGHT

# So many standard errors on either side hold a mean with 95 %.
INTERVAL_ERRORS = 1.96


@dataclass(frozen=True)
class WhatIfResult:
    """One setting.

    ne : on the judged samples; None where they are of one label. ne_increase : NE less that of the
    first setting; low, high : its 95 % interval from the paired differences, samples taken as
    independent; None where it is unknown. deployed_bytes : that serving loads. saved_bytes : of the
    files that learning goes on from.
    """

    samples: int
    ne: float | None
    auc: float | None
    ne_increase: float | None
    low: float | None
    high: float | None
    seen: int
    admitted: int
    non_zero: int
    deployed_bytes: int
    saved_bytes: int

    def to_json(self) -> dict[str, Any]:
        """As it is kept."""
        return asdict(self)


def replayed(
    learners: Sequence[Learner],
    batches: Iterable[pa.RecordBatch],
    warm_up: int,
    progress: Progress = no_progress,
) -> list[WhatIfResult]:
    """Have untrained learners learn the batches, in one pass; what came of each.

    They must predict each sample before they learn it (``LearnReport.predictions``). The first one
    is what the others are compared with. ``warm_up`` samples are not judged. Raises ValueError for
    one that does not predict.
    """
    labels, weights = [np.empty(0)], [np.empty(0)]
    predictions = [[np.empty(0)] for _ in learners]
    for batch in batches:
        labels.append(batch.column(LABEL).to_numpy().astype(np.float64))
        weights.append(batch.column(WEIGHT).to_numpy().astype(np.float64))
        for learner, made in zip(learners, predictions, strict=True):
            made.append(_predicted(learner, batch, progress))
    judged = slice(warm_up, None)
    y, w = np.concatenate(labels)[judged], np.concatenate(weights)[judged]
    made_by = [np.concatenate(made)[judged] for made in predictions]
    return [
        _result(learner, y, w, made, made_by[0])
        for learner, made in zip(learners, made_by, strict=True)
    ]


def _predicted(learner: Learner, batch: pa.RecordBatch, progress: Progress) -> np.ndarray:
    predictions = learner.learn(batch, progress).predictions
    if predictions is None:
        raise ValueError(f"{learner.name} does not predict what it then learns")
    return predictions


def _result(
    learner: Learner, y: np.ndarray, w: np.ndarray, made: np.ndarray, present: np.ndarray
) -> WhatIfResult:
    measured, sparsity = quality(y, made, w), learner.sparsity()
    difference = loss_difference(y, made, present, w)
    increase = difference.ne_increase if difference.entropy else None
    low = high = None
    if increase is not None and difference.standard_error is not None:
        half = INTERVAL_ERRORS * difference.standard_error / difference.entropy
        low, high = increase - half, increase + half
    return WhatIfResult(
        samples=len(y),
        ne=measured.ne,
        auc=measured.auc,
        ne_increase=increase,
        low=low,
        high=high,
        seen=sparsity.seen,
        admitted=sparsity.admitted,
        non_zero=sparsity.non_zero,
        deployed_bytes=sparsity.deployed_bytes,
        saved_bytes=_saved_bytes(learner),
    )


def _saved_bytes(learner: Learner) -> int:
    with tempfile.TemporaryDirectory(prefix="what-if-") as folder:
        learner.save(Path(folder))
        return sum(file.stat().st_size for file in Path(folder).iterdir())
