"""The learner ``gbdt_lr``: boosted trees on a slow cadence, a logistic regression on their leaves.

He et al. 2014, "Practical Lessons from Predicting Clicks on Ads at Facebook" (ADKDD), §3: each tree
is a categorical feature, its value the leaf that a row falls into; a linear model of these features
is learned online between two trainings of the trees.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
from safetensors.numpy import load, load_file, save, save_file

from updates.learners.base import (
    TINY,
    Learner,
    LearnReport,
    Progress,
    Sparsity,
    no_progress,
)
from updates.learners.explanation import Shift, spread
from updates.learners.gbdt import (
    BYTES_PER_KEY,
    FOREST_OPTIONS,
    RATES_FILE,
    TREE_OPTIONS,
    TREES_FILE,
    chunks,
    counted,
    explained_rows,
    log_odds,
)
from updates.learners.gbdt_lr.rows import LeafRows, leaf_value
from updates.learners.gbdt_lr.space import LeafSpace
from updates.learners.key_columns import feature_names
from updates.learners.options import Option
from updates.learners.rates import Rates
from updates.learners.sparse.ftrl import FTRL
from updates.learners.sparse.linear import ServingFormNeeded, ServingOnlyError
from updates.learners.sparse.logistic import probabilities
from updates.learners.sparse.model import SparseModel
from updates.learners.sparse.names import Names
from updates.learners.sparse.serving import ServingWeights, save_weights, touched_weights
from updates.samples.encoder import Encoded, Encoder
from updates.samples.schema import LABEL, WEIGHT, SampleSchema

LR_FILE, SPACE_FILE = "lr.safetensors", "space.json"
TREES, LR = "trees", "lr"
NOT_WHOLE = "only the serving form is loaded: use load() to learn or save"
ROWS = 1 << 14  # between two calls of progress: some 0.1 s
SHAP = (
    "By SHAP values of both versions' trees, a leaf's value being what the LR adds for it, and by "
    "its weights of the features, exact for each field; of several values that a sample has of a "
    "field, what the trees add in equal parts."
)


class GBDTLR(Learner):
    """Trees as in ``gbdt``, whose leaves are the features of FTRL-Proximal.

    ``trees`` cut rows into leaves by historical rates and numbers; ``lr`` weighs the leaves, and
    with ``raw_features`` the features as they are. ``fit`` renews both. ``learn`` goes on counting
    the rates and learns the LR, row by row; the trees stay. Each row's rates are those before it,
    in ``fit`` as in ``learn``, so that the LR never sees a rate that gives its label away. Why the
    rates go on counting: docs/gbdt-lr.md.

    Before the first ``fit`` there are no trees: it learns the raw features, and the intercept.

    space : the leaves of the trees there are.
    """

    name = "gbdt_lr"
    components = (TREES, LR)
    lives_in: ClassVar = {LR: TREES}
    only_anew = frozenset({TREES})
    sequential = True
    replayable = False
    supports_delta = True
    options = (
        *FOREST_OPTIONS,
        Option("raw_features", True, "Whether the LR has the features beside the leaves."),
        *(replace(option, help=f"LR: {option.help}") for option in FTRL.options),
    )
    variants = ({}, {"raw_features": False})

    def __init__(self, schema: SampleSchema, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(schema, options)
        self._encoder = Encoder(schema) if self.settings["raw_features"] else None
        self.space = LeafSpace()
        self._forget_lr()

    def _forget_lr(self) -> None:
        """The rates are forgotten too: they know the labels of what is to be learned."""
        self._rates = Rates(self.schema, self.settings["smoothing"])
        self._model: SparseModel | None = SparseModel(FTRL, FTRL.configure(self.settings))
        self._names = Names()
        self._serving: ServingWeights | None = None

    @property
    def space_id(self) -> str:
        """Which trees: the LR's weights mean nothing on the leaves of others."""
        return self.space.space_id

    def space_ids(self) -> dict[str, str]:
        """Trees make the space that the LR lives in."""
        return {TREES: self.space_id, LR: self.space_id}

    @property
    def trees(self) -> int:
        """Number of trees."""
        return self.space.forest.count

    @property
    def model(self) -> SparseModel:
        """The whole LR; raises ServingOnlyError after ``load_serving``."""
        if self._model is None:
            raise ServingOnlyError(NOT_WHOLE)
        return self._model

    def fit(
        self, batches: Iterable[pa.RecordBatch], progress: Progress = no_progress
    ) -> LearnReport:
        """Grow trees on the batches, then learn the LR of the same rows' leaves from nothing; where
        only the LR is trained, ``fit_lr``.

        Gives the same bytes as ``fit_trees`` and then ``fit_lr``, counting rates only once. Of the
        LR's predictions none is told: the trees had seen the labels.
        """
        if TREES not in self._trained:
            return self.fit_lr(batches, progress)
        kept: list[pa.RecordBatch] = []
        features = self.fit_trees(self._kept(batches, kept), progress)
        for done, chunk in _numbered(kept):
            progress("learning leaves", done, len(features))
            self._learn_rows(chunk, features[done : done + chunk.num_rows])
        return LearnReport(len(features))

    def _kept(
        self, batches: Iterable[pa.RecordBatch], kept: list[pa.RecordBatch]
    ) -> Iterator[pa.RecordBatch]:
        """The batches, what the LR needs of them being put aside."""
        for chunk in chunks(batches, ROWS):
            kept.append(chunk if self._encoder else chunk.select([LABEL, WEIGHT]))
            yield chunk

    def fit_trees(
        self, batches: Iterable[pa.RecordBatch], progress: Progress = no_progress
    ) -> np.ndarray:
        """Grow new trees; the LR, of leaves that are no more, is forgotten until ``fit_lr``.

        Returns the rows' features (n, k), each with the rates before it.
        """
        from updates.learners.trees import Trees  # costs a second and 80 MB: serving needs none

        self._forget_lr()
        self.space = LeafSpace()
        rows = counted(self._rates, batches, progress)
        if rows.weights.any():
            base = log_odds(self._rates.prior)
            chosen = {option.name: self.settings[option.name] for option in TREE_OPTIONS}
            trees = Trees.grow(rows, base, self.settings["num_trees"], chosen, progress)
            self.space = LeafSpace(trees.text if trees else "")
        return rows.features

    def fit_lr(
        self, batches: Iterable[pa.RecordBatch], progress: Progress = no_progress
    ) -> LearnReport:
        """Forget rates and LR, and learn the batches in order; the trees stay."""
        self._forget_lr()
        reports = [self.learn(batch, progress) for batch in batches]
        return LearnReport(
            sum(report.samples for report in reports),
            np.concatenate([np.empty(0), *(report.predictions for report in reports)]),
        )

    def learn(self, batch: pa.RecordBatch, progress: Progress = no_progress) -> LearnReport:
        """Count and learn row by row; stopped by ``progress``, the rows before stay learned."""
        if self._serving is not None:
            raise ServingOnlyError(NOT_WHOLE)
        predictions = [np.empty(0)]
        for done, chunk in _numbered(chunks([batch], ROWS)):
            progress("learning", done, batch.num_rows)
            predictions.append(self._learn_rows(chunk, self._rates.count(chunk)))
        return LearnReport(batch.num_rows, np.concatenate(predictions))

    def _learn_rows(self, chunk: pa.RecordBatch, features: np.ndarray) -> np.ndarray:
        leaves = self._leaf_rows(chunk, features)
        predictions, inserted = self.model.learn(leaves.rows)
        if len(inserted):
            self._names.append(*leaves.names(inserted))
        return predictions

    def _leaf_rows(self, chunk: pa.RecordBatch, features: np.ndarray) -> LeafRows:
        encoded = self._encoder.encode(chunk) if self._encoder else None
        return LeafRows.of(chunk, self.space.keys_of(features), encoded)

    def predict(self, batch: pa.RecordBatch) -> np.ndarray:
        """(n,) probabilities of label 1; neither counts nor learns."""
        return np.concatenate([np.empty(0), *map(self._probabilities, chunks([batch], ROWS))])

    def _probabilities(self, chunk: pa.RecordBatch) -> np.ndarray:
        lr = self._serving or self.model
        rows = self._leaf_rows(chunk, self._rates.look_up(chunk)).rows
        return probabilities(rows.indptr, rows.values, lr.weights_of(rows.keys), lr.intercept)

    @property
    def explained_rows(self) -> int:
        return explained_rows(self.settings["num_trees"])

    def shift_from(self, older: Self, batch: pa.RecordBatch, encoded: Encoded) -> Shift:
        """By SHAP values of both versions' trees, each on its own rates, and by the LR's weights of
        the features."""
        moved = self._contributions(batch) - older._contributions(batch)
        features = [*feature_names(self.schema), *self.schema.numeric]
        by_value, rest = spread(moved[:, :-1], features, encoded)
        by_value += self._direct(encoded) - older._direct(encoded)
        return Shift(by_value, rest + moved[:, -1], SHAP)

    def _direct(self, encoded: Encoded) -> np.ndarray:
        """(nnz,) what the LR adds for the features as they are."""
        if self._encoder is None:
            return np.zeros(len(encoded.keys))
        weights = (self._serving or self.model).weights_of(encoded.keys)
        added: np.ndarray = weights * encoded.values
        return added

    def _contributions(self, batch: pa.RecordBatch) -> np.ndarray:
        """(n, features + 1) parts of what leaves and intercept add to log-odds; the last one is of
        no feature.

        TreeSHAP (Lundberg et al. 2020) of the same trees, each leaf at what the LR adds for it:
        what a tree is expected to say without a feature is then of the LR's weights, too.
        """
        from updates.learners.trees import Trees  # see fit_trees

        lr, features = self._serving or self.model, self._rates.look_up(batch)
        parts = np.zeros((batch.num_rows, features.shape[1] + 1))
        if self.trees and batch.num_rows:
            values = lr.weights_of(self.space.keys) * leaf_value(self.trees)
            weighted = Trees(self.space.text).with_leaf_values(values)
            parts = weighted.contributions(features, self.settings["num_threads"])
        parts[:, -1] += lr.intercept
        return parts

    def save(self, folder: Path) -> None:
        """Write ``trees.txt`` (LightGBM text, empty without trees), ``rates.safetensors``,
        ``lr.safetensors`` to go on learning, ``weights.safetensors`` to serve, and ``space.json``
        (whose leaves the LR's are)."""
        (folder / TREES_FILE).write_text(self.space.text)
        (folder / SPACE_FILE).write_text(json.dumps({"space_id": self.space_id}))
        save_file(self._rates.to_arrays(), folder / RATES_FILE)
        save_file({**self.model.to_arrays(), **self._names.to_arrays()}, folder / LR_FILE)
        save_weights(self.model, folder)

    def load(self, folder: Path) -> None:
        """Replace the state by a saved one; raises ValueError if it is of another schema.

        Raises SpaceMismatch if its LR belongs to other trees.
        """
        arrays = load_file(folder / LR_FILE)
        model, names = SparseModel(FTRL, FTRL.configure(self.settings)), Names.from_arrays(arrays)
        model.restore(arrays)
        self.space, self._rates = self._load_trees(folder)
        self._model, self._names, self._serving = model, names, None

    def load_serving(self, folder: Path) -> None:
        """Load the trees, the rates, and of the LR only the non-zero weights."""
        serving = ServingWeights(folder, FTRL, FTRL.configure(self.settings))
        self.space, self._rates = self._load_trees(folder)
        self._model, self._names, self._serving = None, Names(), serving

    def _load_trees(self, folder: Path) -> tuple[LeafSpace, Rates]:
        rates = Rates(self.schema, self.settings["smoothing"])
        rates.restore(load_file(folder / RATES_FILE))
        space = LeafSpace((folder / TREES_FILE).read_text())
        space.check(json.loads((folder / SPACE_FILE).read_text())["space_id"])
        return space, rates

    def snapshot(self) -> Self:
        """A copy of this instant: the memory of LR and rates once more, all else shared."""
        learner = copy.copy(self)
        learner._model, learner._names = self.model.copy(), self._names.copy()
        learner._rates = self._rates.copy()
        return learner

    def track(self) -> None:
        """Remember from now on which weights and rates learning changes."""
        self.model.track()
        self._rates.track()

    def delta(self) -> bytes:
        """Weights and rates learned since the last call, and whose leaves the weights are of."""
        lr = np.frombuffer(touched_weights(self.model), np.uint8)
        space = np.frombuffer(self.space_id.encode(), np.uint8)
        return save({**self._rates.touched(), "lr": lr, "space_id": space})

    def apply(self, delta: bytes) -> None:
        """Bring the serving form to where ``delta`` was taken. Raises SpaceMismatch."""
        if self._serving is None:
            raise ServingFormNeeded("deltas are for the serving form: load it by load_serving()")
        arrays = load(delta)
        self.space.check(arrays["space_id"].tobytes().decode())
        self._rates.update(arrays)
        self._serving.apply(arrays["lr"].tobytes())

    def sparsity(self) -> Sparsity:
        """Parameters are the rates, one a value, and the LR's weights without the intercept.

        non_zero : rates (all, as smoothing keeps them above 0) and weights other than 0.
        tiny_share : weights below 1e-3 among the non-zero.
        """
        weights, rates = self.model.weights(), self._rates.size
        heavy = int(np.count_nonzero(weights))
        tiny = np.count_nonzero(np.abs(weights) < TINY) - (len(weights) - heavy)
        return Sparsity(
            seen=rates + len(weights),
            admitted=rates + len(weights),
            non_zero=rates + heavy,
            deployed_bytes=rates * BYTES_PER_KEY
            + heavy * FTRL.deployed_bytes()
            + len(self.space.text),
            tiny_share=float(tiny / (rates + heavy)) if rates + heavy else 0.0,
        )

    @property
    def algorithms(self) -> dict[str, str]:
        """Of each component its own."""
        return {TREES: "lightgbm", LR: FTRL.name}

    def sparsity_by_component(self) -> dict[str, Sparsity]:
        """Of the trees their features, the rates; of the LR its weights on leaves and features."""
        rates, weights = self._rates.size, self.model.weights()
        text = len(self.space.text)
        return {
            TREES: Sparsity.of_rows(rates, rates, rates * BYTES_PER_KEY + text),
            LR: Sparsity.of_weights(weights, len(weights), FTRL.deployed_bytes()),
        }

    def is_finite(self) -> bool:
        """Whether every rate and every parameter of the LR is a finite number."""
        return self.model.is_finite() and self._rates.is_finite()

    def weights(self) -> pa.Table:
        """``field``, ``value``, ``weight`` of the LR's non-zero weights, the heaviest first.

        A leaf's field is "tree 3", counted from 1, its value the path that leads to it.
        """
        weights = self.model.weights()
        order = np.argsort(-np.abs(weights), kind="stable")[: np.count_nonzero(weights)]
        fields, values = self._named(self.model.table.to_arrays()["keys"])
        chosen = pa.array(order)
        return pa.table(
            {"field": fields.take(chosen), "value": values.take(chosen), "weight": weights[order]}
        )

    def _named(self, keys: np.ndarray) -> tuple[pa.Array, pa.Array]:
        """Fields and values of all the LR's keys, which come in the order of insertion."""
        leaves = self.space.numbers(keys)
        raw = np.cumsum(leaves < 0) - 1 + self.space.forest.leaves
        places = pa.array(np.where(leaves < 0, raw, leaves))
        known = self._names.take(np.arange(len(self._names)))
        fields, values = (
            pa.concat_arrays([of_leaves, others.cast(pa.string())]).take(places)
            for of_leaves, others in zip(self.space.names(self.schema), known, strict=True)
        )
        return fields, values


def _numbered(parts: Iterable[pa.RecordBatch]) -> Iterator[tuple[int, pa.RecordBatch]]:
    """Each part with the number of rows before it."""
    done = 0
    for part in parts:
        yield done, part
        done += part.num_rows
