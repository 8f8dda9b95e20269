"""The learner ``gbdt``: LightGBM's trees on historical rates of feature values."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
from safetensors.numpy import load_file, save_file

from updates.learners.base import Learner, LearnReport, Progress, Sparsity, no_progress
from updates.learners.explanation import Shift, spread
from updates.learners.key_columns import feature_names
from updates.learners.options import Option
from updates.learners.rates import Rates, Rows
from updates.samples.encoder import Encoded
from updates.samples.schema import LABEL, WEIGHT, SampleSchema

if TYPE_CHECKING:  # LightGBM costs a second and 80 MB: only who grows or loads trees imports it
    from updates.learners.trees import Trees

TREES_FILE, RATES_FILE, BASE_FILE = "trees.txt", "rates.safetensors", "base.json"
TREE_OPTIONS = (
    Option("learning_rate", 0.05, "Share of its step that each tree takes.", 1e-4, 1.0),
    Option("num_leaves", 12, "Most leaves of a tree.", 2, 1024),
    Option("min_data_in_leaf", 50, "Fewest samples in a leaf.", 1, 1_000_000),
    Option("lambda_l2", 1.0, "L2: the larger, the smaller the leaves' values.", 1e-3, 1e6),
    Option("max_bin", 255, "Most steps into which a feature's values are divided.", 2, 65_535),
    Option("num_threads", 2, "Threads of LightGBM; the model does not depend on them.", 1, 256),
)
FOREST_OPTIONS = (
    Option("num_trees", 100, "Trees that a full update grows.", 1, 5000),
    *TREE_OPTIONS,
    Option("smoothing", 5.0, "Weight of the overall rate in the rate of each value.", 0.01, 1e6),
)
CHUNK = 1 << 16  # rows between two calls of progress: some 30 ms
BYTES_PER_KEY = 24
TINY = 1e-3
SHAP = (
    "By SHAP values of both versions' trees, exact for each field; of several values that a sample "
    "has of a field, in equal parts."
)


def explained_rows(trees: int) -> int:
    """Of how many samples SHAP values take some seconds, which grow by rows and by trees."""
    return min(4_000, max(250, 1_000_000 // trees))


class GBDT(Learner):
    """Gradient-boosted trees (He et al. 2014: trees of at most 12 leaves on historical features).

    Features: for each categorical, multi-valued and crossed feature the smoothed rate of label 1
    that the row's value had before this row (``updates.learners.rates``), and the numbers as they
    are. Counts of the values, or LightGBM's own categorical splits, beside the rates were tried
    and not worth their cost: docs/gbdt.md.

    ``fit`` counts rates and grows ``num_trees`` trees. ``learn`` goes on counting, and refits the
    leaves of the trees it has: each keeps exp(−n / memory_samples) of its value after n samples.
    Trees never grow in number by learning; docs/gbdt.md has the measurement that decided between
    this and adding trees. Where there are no trees yet, ``learn`` grows them from its batch.

    Without any tree the probability is the smoothed mean label.
    """

    name = "gbdt"
    components = ("trees",)
    sequential = False
    replayable = False
    options = (
        *FOREST_OPTIONS,
        Option(
            "memory_samples",
            50_000,
            "Samples after which a leaf has forgotten 63 % of its value in incremental updates.",
            100,
            1_000_000_000,
        ),
    )

    def __init__(self, schema: SampleSchema, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(schema, options)
        self._forget()

    def _forget(self) -> None:
        self._rates = Rates(self.schema, self.settings["smoothing"])
        self._trees: Trees | None = None
        self._base_score = log_odds(self._rates.prior)

    def fit(
        self, batches: Iterable[pa.RecordBatch], progress: Progress = no_progress
    ) -> LearnReport:
        """Count rates over the batches in order, then grow trees; no progressive predictions."""
        self._forget()
        rows = counted(self._rates, batches, progress)
        self._grow(rows, progress)
        return LearnReport(len(rows.labels))

    def learn(self, batch: pa.RecordBatch, progress: Progress = no_progress) -> LearnReport:
        """Predict the batch as a whole, count it, refit the leaves to it.

        Stopped by ``progress``, it leaves a part of the batch counted.
        """
        predictions = self.predict(batch)
        if not batch.num_rows:
            return LearnReport(0, predictions)
        rows = counted(self._rates, [batch], progress)
        if self._trees is None:
            self._grow(rows, progress)
        elif rows.weights.any():
            progress("refitting leaves", 0, batch.num_rows)
            self._trees = self._refreshed(self._trees, rows)
        return LearnReport(batch.num_rows, predictions)

    def _refreshed(self, trees: Trees, rows: Rows) -> Trees:
        keep = math.exp(-len(rows.labels) / self.settings["memory_samples"])
        return trees.refit(rows, self._base_score, keep, self._parameters)

    def _grow(self, rows: Rows, progress: Progress) -> None:
        from updates.learners.trees import Trees

        self._base_score = log_odds(self._rates.prior)
        if rows.weights.any():
            self._trees = Trees.grow(
                rows, self._base_score, self.settings["num_trees"], self._parameters, progress
            )

    @property
    def _parameters(self) -> dict[str, Any]:
        """The options that are LightGBM's own parameters."""
        return {option.name: self.settings[option.name] for option in TREE_OPTIONS}

    @property
    def trees(self) -> Trees | None:
        """The trees, None where nothing made one split yet."""
        return self._trees

    def predict(self, batch: pa.RecordBatch) -> np.ndarray:
        """(n,) probabilities of label 1, by the rates and trees as they are."""
        scores = [np.empty(0), *map(self._scores, chunks([batch]))]
        return probabilities(np.concatenate(scores))

    def _scores(self, batch: pa.RecordBatch) -> np.ndarray:
        if self._trees is None:
            return np.full(batch.num_rows, self._base_score)
        features = self._rates.look_up(batch)
        return self._base_score + self._trees.scores(features, self.settings["num_threads"])

    @property
    def explained_rows(self) -> int:
        return explained_rows(self.settings["num_trees"])

    def shift_from(self, older: Self, batch: pa.RecordBatch, encoded: Encoded) -> Shift:
        """By SHAP values of both versions' trees, each on its own rates."""
        moved = self._contributions(batch) - older._contributions(batch)
        features = [*feature_names(self.schema), *self.schema.numeric]
        by_value, rest = spread(moved[:, :-1], features, encoded)
        return Shift(by_value, rest + moved[:, -1], SHAP)

    def _contributions(self, batch: pa.RecordBatch) -> np.ndarray:
        """(n, features + 1) parts of the scores in log-odds; the last one is of no feature."""
        features = self._rates.look_up(batch)
        parts = np.zeros((batch.num_rows, features.shape[1] + 1))
        if self._trees is not None and batch.num_rows:
            parts = self._trees.contributions(features, self.settings["num_threads"])
        parts[:, -1] += self._base_score
        return parts

    def save(self, folder: Path) -> None:
        """Write ``trees.txt`` (LightGBM text; empty without trees), ``rates.safetensors`` and
        ``base.json`` (the score that the trees add to, in log-odds)."""
        (folder / TREES_FILE).write_text(self._trees.text if self._trees else "")
        save_file(self._rates.to_arrays(), folder / RATES_FILE)
        (folder / BASE_FILE).write_text(json.dumps({"base_score": self._base_score}))

    def load(self, folder: Path) -> None:
        """Replace the state by a saved one. Raises ValueError if it is of another schema."""
        from updates.learners.trees import Trees

        rates = Rates(self.schema, self.settings["smoothing"])
        rates.restore(load_file(folder / RATES_FILE))
        text = (folder / TREES_FILE).read_text()
        base_score = json.loads((folder / BASE_FILE).read_text())["base_score"]
        # Only now, so that a folder that cannot be read leaves the state as it was.
        self._trees = Trees(text) if text else None
        self._rates, self._base_score = rates, base_score

    def sparsity(self) -> Sparsity:
        """Parameters are the rates, one a key, and the values of the leaves.

        seen, admitted : both together. non_zero : rates (all, as smoothing keeps them above 0) and
        leaves with a value other than 0. tiny_share : leaves below 1e-3 among the non-zero.
        """
        leaves = self._trees.leaf_values if self._trees else np.empty(0)
        keys, non_zero = self._rates.size, int(np.count_nonzero(leaves))
        tiny = np.count_nonzero(np.abs(leaves) < TINY) - (len(leaves) - non_zero)
        return Sparsity(
            seen=keys + len(leaves),
            admitted=keys + len(leaves),
            non_zero=keys + non_zero,
            deployed_bytes=keys * BYTES_PER_KEY + (len(self._trees.text) if self._trees else 0),
            tiny_share=float(tiny / (keys + non_zero)) if keys + non_zero else 0.0,
        )

    @property
    def algorithms(self) -> dict[str, str]:
        """Its trees are LightGBM's."""
        return {"trees": "lightgbm"}

    def is_finite(self) -> bool:
        """Whether every rate and every leaf is a finite number."""
        leaves = self._trees.leaf_values if self._trees else np.empty(0)
        return bool(np.isfinite(leaves).all()) and self._rates.is_finite()


def counted(rates: Rates, batches: Iterable[pa.RecordBatch], progress: Progress) -> Rows:
    """Count the batches in order; their rows, of features as they were before each was counted."""
    features, labels, weights = [rates.look_up(_nothing(rates.schema))], [], []
    done = 0
    for chunk in chunks(batches):
        progress("counting rates", done, None)
        features.append(rates.count(chunk))
        labels.append(np.asarray(chunk.column(LABEL)))
        weights.append(np.asarray(chunk.column(WEIGHT)))
        done += chunk.num_rows
    empty = np.empty(0, np.float32)
    return Rows(
        np.concatenate(features),
        np.concatenate([empty, *labels]),
        np.concatenate([empty, *weights]),
    )


def chunks(
    batches: Iterable[pa.RecordBatch | pa.Table], rows: int = CHUNK
) -> Iterator[pa.RecordBatch]:
    """The same rows in order, at most so many at a time."""
    for batch in batches:
        table = batch if isinstance(batch, pa.Table) else pa.Table.from_batches([batch])
        yield from table.to_batches(max_chunksize=rows)


def _nothing(schema: SampleSchema) -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist([], schema=schema.arrow)


def log_odds(probability: float) -> float:
    """ln(p / (1 − p)) for p within (0, 1)."""
    return math.log(probability) - math.log1p(-probability)


def probabilities(scores: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(−score)), written so that no score overflows."""
    return 0.5 * (1.0 + np.tanh(0.5 * scores))
