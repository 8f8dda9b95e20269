"""What models have in common that others train: recadmin neither learns nor predicts with them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

import numpy as np
import pyarrow as pa

from updates.learners.base import (
    Learner,
    LearnReport,
    Progress,
    Sparsity,
    TrainedElsewhere,
    no_progress,
)


class Elsewhere(Learner):
    """Only what its trainer says of it is known. All methods raise TrainedElsewhere."""

    components = ("model",)
    sequential = False
    trained_here = False
    variants = ()

    def fit(
        self, batches: Iterable[pa.RecordBatch], progress: Progress = no_progress
    ) -> LearnReport:
        self._refuse("learning")

    def learn(self, batch: pa.RecordBatch, progress: Progress = no_progress) -> LearnReport:
        self._refuse("learning")

    def predict(self, batch: pa.RecordBatch) -> np.ndarray:
        self._refuse("predicting")

    def save(self, folder: Path) -> None:
        self._refuse("saving")

    def load(self, folder: Path) -> None:
        self._refuse("loading")

    def sparsity(self) -> Sparsity:
        self._refuse("counting weights")

    def is_finite(self) -> bool:
        self._refuse("looking at weights")

    def _refuse(self, what: str) -> NoReturn:
        raise TrainedElsewhere(self.name, what)
