"""What the learner ``sklearn`` holds: estimators, what their features need, and rows to fit on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from safetensors.numpy import load_file, save_file
from threadpoolctl import ThreadpoolController

from updates.learners.base import Progress, Sparsity
from updates.learners.gbdt import chunks
from updates.learners.sklearn_estimator import build, stored
from updates.learners.sklearn_estimator.chain import Chain
from updates.learners.sklearn_estimator.rows import Features, Hashed, Kept, Rated, Rows, rows_of
from updates.samples.schema import SampleSchema

MODEL_FILE, STATE_FILE = "model.skops", "state.json"
RATES_FILE, ROWS_FILE = "rates.safetensors", "rows.safetensors"
BYTES_PER_RATE = 24
CHUNK = 1 << 13  # rows between two calls of progress


class Model:
    """Estimators that learn batches of a schema.

    Attributes
    ----------
    kept : the newest rows, where a step has no ``partial_fit``; else None.
    """

    def __init__(self, schema: SampleSchema, settings: Mapping[str, Any]) -> None:
        self._chain = Chain(build.estimators(settings))
        self._features = features_of(schema, settings, self._chain)
        most = settings["window_samples"]
        self.kept = None if self._chain.learns_on else Kept(most)
        self._negatives, self._positives = 0.0, 0.0  # weights of what was learned, or is kept

    def learn(
        self, batches: Iterable[pa.RecordBatch], total: int | None, progress: Progress
    ) -> tuple[int, np.ndarray]:
        """Learn batches in order; (samples, predictions), the latter made before each sample was
        learned, and none where rows are kept and fitted on at the end."""
        predictions, done = [np.empty(0)], 0
        # The sums of several threads differ in their last bits.
        with ThreadpoolController().limit(limits=1):
            for chunk in chunks(batches, CHUNK):
                progress("learning", done, total)
                if self.kept is None:
                    predictions.append(self.predict(chunk))
                    self._learn_rows(rows_of(self._features.count(chunk), chunk))
                else:
                    self.kept.add(rows_of(self._features.count(chunk), chunk))
                done += chunk.num_rows
            if self.kept is not None and (rows := self.kept.rows) is not None:
                progress("fitting", 0, None)
                self._fit(rows)
        return done, np.concatenate(predictions)

    def _learn_rows(self, rows: Rows) -> None:
        if len(rows.labels):
            self._chain.learn(rows)
            self._negatives += float((1 - rows.labels) @ rows.weights)
            self._positives += float(rows.labels @ rows.weights)

    def _fit(self, rows: Rows) -> None:
        self._negatives = float((1 - rows.labels) @ rows.weights)
        self._positives = float(rows.labels @ rows.weights)
        if self._both_labels:
            self._chain.fit(rows)

    @property
    def _both_labels(self) -> bool:
        """Before, no classifier has anything to tell apart, and some give no numbers."""
        return self._negatives > 0.0 and self._positives > 0.0

    def predict(self, batch: pa.RecordBatch) -> np.ndarray:
        """(n,) probabilities of label 1; the smoothed mean label before both were learned."""
        if not self._both_labels or not batch.num_rows:
            weight = self._negatives + self._positives
            return np.full(batch.num_rows, (self._positives + 1.0) / (weight + 2.0))
        features = map(self._features.look_up, chunks([batch]))
        return np.concatenate([self._chain.predict(each) for each in features])

    def save(self, folder: Path) -> None:
        """Write the state. Raises ``stored.NotStorable``."""
        (folder / MODEL_FILE).write_bytes(stored.dumps(self._chain.steps))
        said = {"negatives": self._negatives, "positives": self._positives}
        (folder / STATE_FILE).write_text(json.dumps(said))
        save_file(self._features.to_arrays(), folder / RATES_FILE)
        if self.kept is not None:
            save_file(self.kept.to_arrays(), folder / ROWS_FILE)

    def load(self, folder: Path, *, serving: bool) -> None:
        """Replace the state of one that is new by what ``save`` wrote; to serve, without the rows.

        Raises ValueError where it is of another schema or of other estimators, and
        ``stored.NotStorable`` (a ValueError) before anything is built that is not allowed.
        """
        needed = [stored.path_of(type(step)) for step in self._chain.steps]
        steps = stored.loads((folder / MODEL_FILE).read_bytes(), needed)
        if (found := [stored.path_of(type(step)) for step in steps]) != needed:
            raise ValueError(f"the model is of {', '.join(found)}, not of {', '.join(needed)}")
        said = json.loads((folder / STATE_FILE).read_text())
        self._features.restore(load_file(folder / RATES_FILE))
        if self.kept is not None and not serving:
            self.kept = Kept.from_arrays(self.kept.most, load_file(folder / ROWS_FILE))
        self._chain = Chain(steps)
        self._negatives, self._positives = said["negatives"], said["positives"]

    def sparsity(self) -> Sparsity:
        """Parameters are the numbers of the estimators' arrays, and the rates of values."""
        content = stored.dumps(self._chain.steps)
        numbers = np.concatenate([np.empty(0), *stored.numbers(content)])
        of_numbers, rates = Sparsity.of_weights(numbers, len(numbers), 0), self._features.size
        non_zero = of_numbers.non_zero + rates
        return Sparsity(
            seen=of_numbers.seen + rates,
            admitted=of_numbers.admitted + rates,
            non_zero=non_zero,
            deployed_bytes=len(content) + rates * BYTES_PER_RATE,
            tiny_share=of_numbers.tiny_share * of_numbers.non_zero / non_zero if non_zero else 0.0,
        )

    def is_finite(self) -> bool:
        """Whether all those numbers are finite."""
        found = stored.numbers(stored.dumps(self._chain.steps))
        return all(np.isfinite(numbers).all() for numbers in found)


def features_of(schema: SampleSchema, settings: Mapping[str, Any], chain: Chain) -> Features:
    """What makes matrices of batches, as the options say."""
    if settings[build.FEATURES] == build.HASHED:
        return Hashed(schema, settings["n_features"])
    return Rated(schema, settings["smoothing"], chain.takes_nulls)
