"""The learner ``sparse_linear``: a linear model of sparse features, learned sample by sample."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import pyarrow as pa
from safetensors.numpy import load_file, save_file

from updates.learners.base import (
    TINY,
    Learner,
    LearnReport,
    Progress,
    Sparsity,
    no_progress,
)
from updates.learners.delayed_feedback import CALIBRATION, WEIGHTED
from updates.learners.explanation import Shift
from updates.learners.negative_sampling import corrected
from updates.learners.sparse.algorithm import Rows
from updates.learners.sparse.delayed_feedback import calibrated
from updates.learners.sparse.family import VARIANTS, form_of, listed, model_of, resolved
from updates.learners.sparse.logistic import probabilities
from updates.learners.sparse.model import SparseModel
from updates.learners.sparse.names import Names
from updates.learners.sparse.precision import FLOAT64, weight_bytes
from updates.learners.sparse.serving import (
    Rounded,
    ServingWeights,
    non_zero_keys,
    save_weights,
    touched_weights,
)
from updates.samples.encoder import Encoded, Encoder
from updates.samples.schema import SampleSchema

FILE = "state.safetensors"
CHUNK = 50_000  # samples between two calls of progress: some 0.1 s, so that a cancel is quick
EXACT = "Exact: log-odds are the sum of a sample's weights, and so is what they moved by."


class ServingOnlyError(RuntimeError):
    """Something that needs the whole state was asked of a learner that has the serving form."""


class ServingFormNeeded(RuntimeError):
    """A delta was given to a learner that has the whole state."""


class _Weights(Protocol):
    """What a prediction needs: the whole model has it, and so has the serving form."""

    @property
    def intercept(self) -> float: ...

    def weights_of(self, keys: np.ndarray) -> np.ndarray: ...


class SparseLinear(Learner):
    """Logistic regression on categorical, multi-valued, numeric and crossed features.

    Parameters live by 64-bit key of (field, value); a value never seen contributes nothing. The
    intercept is a constant feature of value 1, learned like the others. Predictions are clipped
    to [1e-15, 1 - 1e-15]; gradients are not.

    With a ``negative_sampling_rate`` below 1 negatives are learned by that share of their weights.
    With ``delayed_feedback`` other than wait, rows are fake negatives that positives may follow;
    predictions, those made before learning too, are of an impression's being positive in the end.
    """

    name = "sparse_linear"
    components = ("weights",)
    sequential = True
    supports_delta = True
    tells_features = True
    options = listed()
    variants = (*VARIANTS, {"admit_after": 1, "admit_probability": 0.9, "expire_after": 1})

    def __init__(self, schema: SampleSchema, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(schema, options)
        self._encoder = Encoder(schema)
        self._forget()

    @classmethod
    def resolve(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """The settings of one algorithm: it has no others, and its own defaults."""
        return resolved(given)

    def _forget(self) -> None:
        self._model: SparseModel | None = model_of(self.settings)
        self._names = Names()
        self._serving: ServingWeights | None = None

    @property
    def model(self) -> SparseModel:
        """The whole state; raises ServingOnlyError after ``load_serving``."""
        if self._model is None:
            raise ServingOnlyError("only the serving form is loaded: use load() to learn or save")
        return self._model

    def fit(
        self, batches: Iterable[pa.RecordBatch], progress: Progress = no_progress
    ) -> LearnReport:
        """One pass over the batches, in order, from nothing; predictions are progressive."""
        self._forget()
        predictions = [np.empty(0)]
        done = 0
        for batch in batches:
            for part in self._learn_chunks(batch):
                predictions.append(part)
                done += len(part)
                progress("learning", done, None)
        return LearnReport(done, np.concatenate(predictions))

    def learn(self, batch: pa.RecordBatch, progress: Progress = no_progress) -> LearnReport:
        """Learn sample by sample; stopped by ``progress``, the samples before stay learned."""
        predictions = [np.empty(0)]
        done = 0
        for part in self._learn_chunks(batch):
            predictions.append(part)
            done += len(part)
            progress("learning", done, batch.num_rows)
        return LearnReport(done, np.concatenate(predictions))

    def _learn_chunks(self, batch: pa.RecordBatch) -> Iterable[np.ndarray]:
        for encoded in self._encoded_chunks(batch):
            predictions, inserted = self.model.learn(self._rows(encoded), encoded.event_times)
            if len(inserted):
                self._names.append(*encoded.names(inserted))
            if len(removed := self.model.removed()):
                self._names.remove(removed)
            yield self._corrected(predictions)

    def _rows(self, encoded: Encoded) -> Rows:
        return Rows(
            encoded.indptr,
            encoded.keys,
            encoded.values,
            encoded.labels,
            self._weights(encoded),
            fake_negatives=self.settings["delayed_feedback"] == WEIGHTED,
        )

    def _weights(self, encoded: Encoded) -> np.ndarray:
        # A negative that stands for 1 / rate of them weighs as much; it is learned as one.
        rate = self.settings["negative_sampling_rate"]
        if rate == 1.0:
            return encoded.weights
        return np.where(encoded.labels > 0.5, encoded.weights, rate * encoded.weights)

    def _corrected(self, predictions: np.ndarray) -> np.ndarray:
        """Of what was learned, what is meant."""
        if self.settings["delayed_feedback"] == CALIBRATION:
            predictions = calibrated(predictions)
        rate = self.settings["negative_sampling_rate"]
        return predictions if rate == 1.0 else corrected(predictions, rate)

    def predict(self, batch: pa.RecordBatch) -> np.ndarray:
        """(n,) probabilities of label 1; learns nothing."""
        return self._predict(batch, self._serving or self.model)

    def predict_deployed(self, batch: pa.RecordBatch) -> np.ndarray:
        """As ``predict``, with the weights rounded as serving has them."""
        precision = self.settings["serving_precision"]
        return self._predict(batch, Rounded(self.model, precision))

    @property
    def deploys_rounded(self) -> bool:
        """Whether ``serving_precision`` is less than learning's."""
        return bool(self.settings["serving_precision"] != FLOAT64)

    def _predict(self, batch: pa.RecordBatch, weights: _Weights) -> np.ndarray:
        parts = [
            probabilities(
                encoded.indptr, encoded.values, weights.weights_of(encoded.keys), weights.intercept
            )
            for encoded in self._encoded_chunks(batch)
        ]
        return self._corrected(np.concatenate([np.empty(0), *parts]))

    def _encoded_chunks(self, batch: pa.RecordBatch) -> Iterable[Encoded]:
        for start in range(0, batch.num_rows, CHUNK):
            yield self._encoder.encode(batch.slice(start, CHUNK))

    def save(self, folder: Path) -> None:
        """Write ``state.safetensors``, to go on learning, and ``weights.safetensors``, to serve."""
        save_file({**self.model.to_arrays(), **self._names.to_arrays()}, folder / FILE)
        save_weights(self.model, folder, self.settings["serving_precision"])

    def load(self, folder: Path) -> None:
        """Replace the state by a saved one. Raises KeyError if it is of another algorithm."""
        arrays = load_file(folder / FILE)
        self._forget()
        self.model.restore(arrays)
        self._names = Names.from_arrays(arrays)

    def load_serving(self, folder: Path) -> None:
        """Load only what serves the non-zero weights: 10 to 16 bytes each where time moves none."""
        algorithm = form_of(self.settings)
        serving = ServingWeights(folder, algorithm, algorithm.configure(self.settings))
        self._forget()
        self._model, self._serving = None, serving

    def snapshot(self) -> Self:
        """A copy of this instant: the table's memory once more, names shared."""
        learner = copy.copy(self)
        learner._model, learner._names = self.model.copy(), self._names.copy()
        return learner

    def track(self) -> None:
        """Remember from now on which weights learning changes."""
        self.model.track()

    def delta(self) -> bytes:
        """Weights of the features learned since the last call."""
        return touched_weights(self.model, self.settings["serving_precision"])

    def apply(self, delta: bytes) -> None:
        """Bring the serving form to where ``delta`` was taken."""
        if self._serving is None:
            raise ServingFormNeeded("deltas are for the serving form: load it by load_serving()")
        self._serving.apply(delta)

    def shift_from(self, older: Self, batch: pa.RecordBatch, encoded: Encoded) -> Shift:
        """Exact: a sample's log-odds are the sum of its weights."""
        now, then = self._serving or self.model, older._serving or older.model
        moved = now.weights_of(encoded.keys) - then.weights_of(encoded.keys)
        rest = np.full(batch.num_rows, now.intercept - then.intercept)
        return Shift(moved * encoded.values, rest, EXACT)

    def sparsity(self) -> Sparsity:
        """Counts of keys and weights, the intercept left out."""
        weights = self.model.weights()
        non_zero = int(np.count_nonzero(weights))
        precision = self.settings["serving_precision"]
        deployed = len(non_zero_keys(self.model, precision))
        tiny = np.count_nonzero(np.abs(weights) < TINY) - (len(weights) - non_zero)
        return Sparsity(
            seen=self.model.seen,
            admitted=len(weights),
            non_zero=non_zero,
            deployed_bytes=deployed * self.model.algorithm.deployed_bytes(weight_bytes(precision)),
            tiny_share=float(tiny / non_zero) if non_zero else 0.0,
        )

    @property
    def algorithms(self) -> dict[str, str]:
        """What the option says."""
        return {"weights": self.settings["algorithm"]}

    def live_features(self) -> tuple[np.ndarray, np.ndarray]:
        """Keys of the non-zero weights, and these."""
        return self.model.non_zero()

    def names_of(self, keys: np.ndarray) -> list[tuple[str, str]]:
        """(field, value) of keys that are in the table."""
        return self._names.pairs(self.model.table.places(keys))

    def is_finite(self) -> bool:
        """Whether every parameter is a finite number."""
        return self.model.is_finite()

    @property
    def intercept(self) -> float:
        """Weight of the constant feature."""
        return (self._serving or self.model).intercept

    def weights(self) -> pa.Table:
        """``field``, ``value``, ``weight`` of the non-zero weights, the largest magnitude first.

        Equal magnitudes come in the order in which their features were first seen.
        """
        weights = self.model.weights()
        non_zero = np.flatnonzero(weights)
        order = non_zero[np.argsort(-np.abs(weights[non_zero]), kind="stable")]
        fields, values = self._names.take(order)
        return pa.table({"field": fields, "value": values, "weight": weights[order]})
