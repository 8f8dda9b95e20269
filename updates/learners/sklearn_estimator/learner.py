"""The learner ``sklearn``: any classifier of the allow-list, after what changes its features."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from updates.learners.base import Learner, LearnReport, Progress, Sparsity, no_progress
from updates.learners.options import Option, OptionError
from updates.learners.sklearn_estimator import build
from updates.learners.sklearn_estimator.build import FEATURES, HASHED, RATES
from updates.learners.sklearn_estimator.chain import Chain
from updates.learners.sparse.linear import ServingOnlyError
from updates.samples.schema import SampleSchema

if TYPE_CHECKING:  # scikit-learn and skops cost seconds: only who has such a model imports them
    from updates.learners.sklearn_estimator.model import Model

NOT_WHOLE = "only the serving form is loaded: use load() to learn or save"


class SklearnEstimator(Learner):
    """A classifier by import path, and before it what transforms its features.

    Features: hashed columns, or the historical rates of values (``…sklearn_estimator.rows``).

    Where all steps have ``partial_fit`` (or need no fitting), ``fit`` and ``learn`` give them the
    rows in pieces, once and in order. Others are fitted on the newest ``window_samples`` rows,
    which the model keeps for it: ``learn`` adds to them and fits anew, as a full update must with
    the samples that judged it. Such a learner is not updated incrementally.

    Before there is anything to fit on, the probability is the smoothed mean label.
    """

    name = "sklearn"
    components = ("estimator",)
    sequential = False
    variants = ()  # it has no compiled code of its own
    options = (
        Option(
            build.ESTIMATOR,
            "sklearn.linear_model.SGDClassifier",
            "Import path of a classifier that RECADMIN_ESTIMATORS allows.",
        ),
        Option(
            build.PARAMETERS,
            {},
            "Its parameters by name. Left out, random_state is 0, and SGDClassifier learns "
            "log_loss at the constant rate 0.05.",
        ),
        Option(
            build.STEPS,
            [],
            "What transforms the features before, in order, each an object with estimator and "
            "parameters.",
        ),
        Option(
            FEATURES,
            HASHED,
            "hashed: a sparse matrix of n_features columns. rates: a dense one, with the rate of "
            "label 1 that each value has had so far, and the numbers.",
            choices=(HASHED, RATES),
        ),
        Option("n_features", 1 << 16, "With hashed: columns that values fall into.", 2, 1 << 24),
        Option(
            "smoothing",
            5.0,
            "With rates: weight of the overall rate in the rate of each value.",
            0.01,
            1e6,
        ),
        Option(
            "window_samples",
            100_000,
            "Without partial_fit: so many of the newest samples are fitted on and kept.",
            10,
            10_000_000,
        ),
    )

    def __init__(self, schema: SampleSchema, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(schema, options)
        self._model = self._new_model()
        self._serving = False

    @classmethod
    def resolve(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """Raises OptionError also for an estimator that is not allowed, does not take the
        parameters, or does not take such features."""
        settings = build.resolved(super().resolve(given))
        chain = Chain(build.estimators(settings))
        if settings[FEATURES] == HASHED and not chain.takes_sparse:
            raise OptionError(FEATURES, f"{RATES}: {chain.names[0]} takes no sparse matrix", HASHED)
        return settings

    @classmethod
    def replays(cls, options: Mapping[str, Any]) -> bool:
        """Rates would count a sample twice."""
        return bool(options.get(FEATURES, HASHED) != RATES)

    @classmethod
    def only_full(cls, options: Mapping[str, Any]) -> str:
        """Where a step has no ``partial_fit``."""
        fixed = Chain(build.estimators(cls.resolve(options))).without_partial_fit
        return f"{' and '.join(fixed)} without partial_fit" if fixed else ""

    def _new_model(self) -> Model:
        from updates.learners.sklearn_estimator.model import Model

        return Model(self.schema, self.settings)

    def fit(
        self, batches: Iterable[pa.RecordBatch], progress: Progress = no_progress
    ) -> LearnReport:
        """Forget all, and learn the batches; without ``partial_fit`` there are no predictions."""
        self._model, self._serving = self._new_model(), False
        samples, predictions = self._model.learn(batches, None, progress)
        return LearnReport(samples, predictions if self._model.kept is None else None)

    def learn(self, batch: pa.RecordBatch, progress: Progress = no_progress) -> LearnReport:
        """Predict and learn the batch piece by piece; without ``partial_fit``, predict it as a
        whole and fit anew on the rows kept. Stopped by ``progress``, the pieces before are learned.

        A fit is not interrupted: ``progress`` is called before it.
        """
        if self._serving:
            raise ServingOnlyError(NOT_WHOLE)
        if not batch.num_rows:
            return LearnReport(0, np.empty(0))
        before = None if self._model.kept is None else self.predict(batch)
        samples, predictions = self._model.learn([batch], batch.num_rows, progress)
        return LearnReport(samples, predictions if before is None else before)

    def predict(self, batch: pa.RecordBatch) -> np.ndarray:
        """(n,) probabilities of label 1: the classifier's, or σ of its decision function."""
        return self._model.predict(batch)

    def save(self, folder: Path) -> None:
        """Write ``model.skops`` (docs/sklearn.md), ``rates.safetensors`` (empty with hashed
        features), ``state.json``, and ``rows.safetensors`` where rows are kept."""
        if self._serving:
            raise ServingOnlyError(NOT_WHOLE)
        self._model.save(folder)

    def load(self, folder: Path) -> None:
        """Replace the state by a saved one; raises ValueError where it is of another schema or of
        other estimators, or holds what is not allowed."""
        self._load(folder, serving=False)

    def load_serving(self, folder: Path) -> None:
        """Load all but the rows."""
        self._load(folder, serving=True)

    def _load(self, folder: Path, *, serving: bool) -> None:
        model = self._new_model()
        model.load(folder, serving=serving)
        # Only now, so that a folder that cannot be read leaves the state as it was.
        self._model, self._serving = model, serving

    def sparsity(self) -> Sparsity:
        """Parameters are the numbers of the estimators' arrays, and with rates those of values."""
        return self._model.sparsity()

    @property
    def algorithms(self) -> dict[str, str]:
        """The class of the classifier."""
        return {"estimator": self.settings[build.ESTIMATOR].rpartition(".")[2]}

    def is_finite(self) -> bool:
        """Whether all those numbers are finite."""
        return self._model.is_finite()
