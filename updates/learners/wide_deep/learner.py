"""The learner ``wide_deep``: a linear model and a network on embeddings, trained on one loss.

Cheng et al. 2016, "Wide & Deep Learning for Recommender Systems" (DLRS), §3: the logit is the sum
of both parts', the wide part learns by FTRL with L1, and both see the gradient of the joint loss.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
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
from updates.learners.gbdt import chunks
from updates.learners.sparse.ftrl import FTRL
from updates.learners.sparse.keeping import Keeping
from updates.learners.sparse.linear import ServingFormNeeded, ServingOnlyError
from updates.learners.sparse.serving import ServingWeights, save_weights, touched_weights
from updates.learners.wide_deep import files
from updates.learners.wide_deep.coverage import Coverage
from updates.learners.wide_deep.embeddings import Embeddings
from updates.learners.wide_deep.pretrained import checked
from updates.learners.wide_deep.rows import DeepRows, Pending
from updates.learners.wide_deep.settings import OPTIONS, PRETRAINED, hidden_units, resolved
from updates.learners.wide_deep.store import FILES
from updates.learners.wide_deep.upper import Upper
from updates.learners.wide_deep.vectors import Vectors
from updates.learners.wide_deep.wide import Weights, Wide, joint_probabilities, rows_of
from updates.samples.encoder import Encoded, Encoder
from updates.samples.schema import SampleSchema

ROWS = 1 << 13  # between two calls of progress: some 0.1 s
WIDE, EMBEDDINGS, UPPER = "wide", "embeddings", "upper"
DEEP = frozenset({EMBEDDINGS, UPPER})


class WideDeep(Learner):
    """FTRL on all features and crosses; embeddings of the fields under a network of ReLU layers.

    The wide part learns row by row. The deep part, embeddings and upper network, learns a
    mini-batch whenever ``mini_batch`` rows have come since the last; until then they wait, and are
    saved with the model. So it does not matter how rows come in batches, and each row is predicted
    by all that was learned before it. The slope of a row's joint loss is taken when the wide part
    learns it.

    ``train`` chooses the components that learn; the others stay as they are, bit for bit. Rows that
    wait are learned by those that were trained when they came.
    """

    name = "wide_deep"
    components = (WIDE, EMBEDDINGS, UPPER)
    sequential = True
    lives_in: ClassVar = {UPPER: EMBEDDINGS}
    supports_delta = True
    tells_features = True
    options = OPTIONS
    variants = ({}, {"admit_after": 1, "admit_probability": 0.9, "expire_after": 1})

    def __init__(self, schema: SampleSchema, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(schema, options)
        self._encoder = Encoder(schema)
        self._field_names = (*schema.single_valued, *schema.multivalued)
        self._fields = len(self._field_names)
        self._serving: tuple[ServingWeights, Vectors] | None = None
        self._pending = self._new_pending()
        self._forget()

    @classmethod
    def resolve(cls, given: Mapping[str, Any]) -> dict[str, Any]:
        """All settings. Raises OptionError."""
        return resolved(given)

    def _forget(self) -> None:
        """Begin anew with the components that are trained."""
        if WIDE in self._trained:
            self._wide: Wide | None = Wide(self.settings)
        if EMBEDDINGS in self._trained:
            self._embeddings: Embeddings | None = self._new_embeddings()
            self.coverage = Coverage()
        if UPPER in self._trained:
            self._upper = self._new_upper()
        for name in self._trained & DEEP:
            self._pending.take(name)

    def _new_embeddings(self) -> Embeddings:
        dim, seed = self.settings["embedding_dim"], self.settings["seed"]
        rate, keeping = self.settings["embedding_rate"], Keeping.of(self.settings)
        return Embeddings(self._fields, dim, seed, rate, keeping)

    def _new_upper(self) -> Upper:
        inputs = self._fields * self.settings["embedding_dim"] + len(self.schema.numeric)
        return Upper(inputs, hidden_units(self.settings), self.settings["seed"])

    def _new_pending(self) -> Pending:
        return Pending(self._fields, len(self.schema.numeric), sorted(DEEP))

    @property
    def wide(self) -> Wide:
        """The whole wide part; raises ServingOnlyError after ``load_serving``."""
        if self._wide is None:
            raise ServingOnlyError("only the serving form is loaded: use load() to learn or save")
        return self._wide

    @property
    def embeddings(self) -> Embeddings:
        """The embeddings with their optimiser; raises ServingOnlyError after ``load_serving``."""
        if self._embeddings is None:
            raise ServingOnlyError("only the serving form is loaded: use load() to learn or save")
        return self._embeddings

    @property
    def upper(self) -> Upper:
        """The network."""
        return self._upper

    @property
    def vectors(self) -> Vectors:
        """The embeddings as they serve."""
        return self._serving[1] if self._serving else self.embeddings.vectors

    @property
    def space_id(self) -> str:
        """Which geometry of the embeddings: what upper networks and user vectors belong to."""
        return self.vectors.space_id

    def space_ids(self) -> dict[str, str]:
        """Embeddings make the space that the network lives in."""
        return {EMBEDDINGS: self.space_id, UPPER: self.space_id}

    def fit(
        self, batches: Iterable[pa.RecordBatch], progress: Progress = no_progress
    ) -> LearnReport:
        """One pass over the batches, in order; the components that are trained begin anew.

        Embeddings do so at the vectors that ``pretrained`` names. Raises VectorsMissing or
        VectorsError if they cannot.
        """
        self._serving = None
        self._forget()
        if EMBEDDINGS in self._trained and (digest := self.settings[PRETRAINED.name]):
            self._take_over(load(FILES.content(digest)))
        return self._learn(batches, None, progress)

    def pretrain(self, given: Path | Mapping[str, np.ndarray]) -> None:
        """Have embeddings begin at vectors that were learned elsewhere; others stay as they are.

        The network, which knows another space, begins anew: ``train(["upper"])`` and ``fit`` teach
        it this one. Rows that wait are left out.

        given : a safetensors file or its arrays, see ``updates.learners.wide_deep.pretrained``.
        Raises VectorsError.
        """
        self._take_over(load_file(given) if isinstance(given, Path) else given)
        self._upper, self._pending = self._new_upper(), self._new_pending()

    def _take_over(self, given: Mapping[str, np.ndarray]) -> None:
        dim = self.settings["embedding_dim"]
        self.embeddings.take_over(checked(given, self._field_names, dim))
        self.coverage = Coverage()

    def learn(self, batch: pa.RecordBatch, progress: Progress = no_progress) -> LearnReport:
        """Learn row by row; stopped by ``progress``, the rows before stay learned."""
        return self._learn([batch], batch.num_rows, progress)

    def _learn(
        self, batches: Iterable[pa.RecordBatch], total: int | None, progress: Progress
    ) -> LearnReport:
        predictions, seen, done = [np.empty(0)], Coverage(), 0
        for chunk in chunks(batches, ROWS):
            progress("learning", done, total)
            predictions.append(self._learn_chunk(self._encoder.encode(chunk), seen))
            done += chunk.num_rows
        progress("learning", done, total)
        return LearnReport(done, np.concatenate(predictions), coverage=seen.share)

    def _learn_chunk(self, encoded: Encoded, seen: Coverage) -> np.ndarray:
        deep = DeepRows.of(encoded, self._fields)
        predictions, new = [np.empty(0)], [np.empty(0, np.int64)]
        start = 0
        while start < len(deep):
            # At least a row: a state of longer mini-batches may have more than enough waiting.
            wanted = max(1, self.settings["mini_batch"] - self._waiting)
            stop = min(len(deep), start + wanted)
            part = deep.slice(start, stop)
            offsets = self._offsets(part, seen, self.coverage)
            found, inserted = self._learn_wide(encoded, start, stop, offsets)
            predictions.append(found)
            new.append(inserted)
            if deep_learns := self._trained & DEEP:
                errors = found - encoded.labels[start:stop]
                self._pending.add(part, errors * encoded.weights[start:stop], deep_learns)
                if self._waiting >= self.settings["mini_batch"]:
                    self._learn_deep()
            start = stop
        self.wide.name(encoded, np.concatenate(new))
        return np.concatenate(predictions)

    def _learn_wide(
        self, encoded: Encoded, start: int, stop: int, offsets: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """As ``Wide.learn``; where the wide part is not trained, predictions only."""
        if WIDE in self._trained:
            return self.wide.learn(encoded, start, stop, offsets)
        rows = rows_of(encoded, start, stop, offsets)
        return joint_probabilities(self.wide.model, rows), np.empty(0, np.int64)

    @property
    def _waiting(self) -> int:
        """Rows that wait for the component, of those trained, that has most."""
        return max((self._pending.waiting(name) for name in self._trained & DEEP), default=0)

    def _learn_deep(self) -> None:
        """Learn the rows that waited: together, where both components have the same."""
        learning = sorted(self._trained & DEEP)
        if len(learning) == 1 or self._pending.same(*learning):
            self._learn_mini_batch(learning)
            return
        for name in learning:
            if self._pending.waiting(name) >= self.settings["mini_batch"]:
                self._learn_mini_batch([name])

    def _learn_mini_batch(self, components: Sequence[str]) -> None:
        from updates.learners.wide_deep.training import step  # JAX: 130 MB, 0.4 s

        rows, slopes = self._pending.take(*components)
        inputs = self.vectors.inputs(rows, self.vectors.find(rows.keys))
        rate, upper_learns = self.settings["upper_rate"], UPPER in components
        gradients = step(self._upper, inputs, slopes, rate, upper_learns=upper_learns)
        if EMBEDDINGS in components:
            self.embeddings.learn(rows, gradients)
            self.coverage = Coverage()

    def _offsets(self, rows: DeepRows, *counters: Coverage) -> np.ndarray:
        """(n,) logits of the deep part."""
        numbers = self.vectors.find(rows.keys)
        known = int(np.count_nonzero(numbers >= 0))
        for counter in counters:
            counter.count(len(numbers), known)
        return self._upper.logits(self.vectors.inputs(rows, numbers))

    def predict(self, batch: pa.RecordBatch) -> np.ndarray:
        """(n,) probabilities of label 1; learns nothing, and needs no JAX."""
        weights: Weights = self._serving[0] if self._serving else self.wide.model
        parts = [np.empty(0)]
        for chunk in chunks([batch], ROWS):
            encoded = self._encoder.encode(chunk)
            offsets = self._offsets(DeepRows.of(encoded, self._fields))
            rows = rows_of(encoded, 0, chunk.num_rows, offsets)
            parts.append(joint_probabilities(weights, rows))
        return np.concatenate(parts)

    def save(self, folder: Path) -> None:
        """Write the files of ``updates.learners.wide_deep.files``."""
        save_file(self.wide.to_arrays(), folder / files.WIDE)
        save_weights(self.wide.model, folder)
        save_file(self.vectors.to_arrays(), folder / files.EMBEDDINGS)
        save_file(self.embeddings.to_arrays(), folder / files.EMBEDDINGS_LEARNING)
        save_file(self._upper.to_arrays(), folder / files.UPPER)
        save_file(self._upper.optimiser_arrays(), folder / files.UPPER_LEARNING)
        save_file(self._pending.to_arrays(), folder / files.PENDING)
        files.write_bound(folder, self.space_id, (self.coverage.looked_up, self.coverage.known))

    def load(self, folder: Path) -> None:
        """Replace the state by a saved one; all components are trained.

        Raises ValueError if it is of other options or another schema, SpaceMismatch if its network
        belongs to other embeddings.
        """
        wide, embeddings, pending = Wide(self.settings), self._new_embeddings(), self._new_pending()
        learning = load_file(folder / files.EMBEDDINGS_LEARNING)
        vectors, upper, coverage = self._load_deep(folder, embeddings.keeping.hours(learning))
        upper.restore_optimiser(load_file(folder / files.UPPER_LEARNING))
        wide.restore(load_file(folder / files.WIDE))
        embeddings.restore(vectors, learning)
        pending.restore(load_file(folder / files.PENDING))
        self._wide, self._embeddings, self._upper = wide, embeddings, upper
        self._pending, self.coverage, self._serving = pending, coverage, None
        self._trained = frozenset(self.components)

    def load_serving(self, folder: Path) -> None:
        """Load non-zero weights of the wide part, vectors and network. Raises as ``load``."""
        weights = ServingWeights(folder, FTRL, FTRL.configure(self.settings))
        vectors, upper, coverage = self._load_deep(folder)
        self._wide = self._embeddings = None
        self._upper, self.coverage, self._serving = upper, coverage, (weights, vectors)

    def _load_deep(
        self, folder: Path, hours: np.ndarray | None = None
    ) -> tuple[Vectors, Upper, Coverage]:
        shape = self._fields, self.settings["embedding_dim"]
        vectors = Vectors.from_arrays(load_file(folder / files.EMBEDDINGS), shape, hours)
        upper = self._new_upper()
        upper.restore(load_file(folder / files.UPPER))
        return vectors, upper, Coverage(*files.read_bound(folder, vectors.space_id))

    def snapshot(self) -> Self:
        """A copy of this instant: wide part and vectors once more, all else shared."""
        learner = copy.copy(self)
        learner._wide, learner._embeddings = self.wide.copy(), self.embeddings.copy()
        learner._upper, learner._pending = self._upper.copy(), self._pending.copy()
        learner.coverage = copy.copy(self.coverage)
        return learner

    def track(self) -> None:
        """Remember from now on which weights and vectors learning changes."""
        self.wide.model.track()
        self.embeddings.track()

    def delta(self) -> bytes:
        """Weights and vectors learned since the last call, and the whole network."""
        wide = np.frombuffer(touched_weights(self.wide.model), np.uint8)
        return save({**self.embeddings.touched(), "wide": wide, "upper": self._upper.weights})

    def apply(self, delta: bytes) -> None:
        """Bring the serving form to where ``delta`` was taken."""
        if self._serving is None:
            raise ServingFormNeeded("deltas are for the serving form: load it by load_serving()")
        weights, vectors = self._serving
        arrays = load(delta)
        weights.apply(arrays["wide"].tobytes())
        vectors.remove(arrays["removed"])
        vectors.put(arrays["keys"], arrays["vectors"])
        vectors.defaults, self._upper.weights = arrays["defaults"], arrays["upper"]

    def sparsity(self) -> Sparsity:
        """Keys of the wide part, the intercept left out, and keys that have a vector.

        A vector counts as one weight, other than 0. tiny_share : weights of the wide part below
        1e-3 among all that are not 0.
        """
        weights, rows = self.wide.model.weights(), self.vectors.size
        heavy = int(np.count_nonzero(weights))
        tiny = np.count_nonzero(np.abs(weights) < TINY) - (len(weights) - heavy)
        vector_bytes = 8 + 4 * self.settings["embedding_dim"]
        return Sparsity(
            seen=self.embeddings.seen + self.wide.model.seen,
            admitted=rows + len(weights),
            non_zero=rows + heavy,
            deployed_bytes=heavy * FTRL.deployed_bytes()
            + rows * vector_bytes
            + self._upper.weights.nbytes,
            tiny_share=float(tiny / (rows + heavy)) if rows + heavy else 0.0,
        )

    @property
    def algorithms(self) -> dict[str, str]:
        """Of each component its own."""
        return {WIDE: FTRL.name, EMBEDDINGS: "adagrad", UPPER: "adam"}

    def sparsity_by_component(self) -> dict[str, Sparsity]:
        """Weights of the wide part, rows of the embeddings, and numbers of the network."""
        model, rows, numbers = self.wide.model, self.vectors.size, self._upper.weights
        row_bytes = 8 + 4 * self.settings["embedding_dim"]
        upper = Sparsity.of_weights(numbers, len(numbers), numbers.itemsize)
        return {
            WIDE: Sparsity.of_weights(model.weights(), model.seen, FTRL.deployed_bytes()),
            EMBEDDINGS: Sparsity.of_rows(self.embeddings.seen, rows, rows * row_bytes),
            UPPER: replace(upper, deployed_bytes=numbers.nbytes),  # dense: zeros are served too
        }

    def live_features(self) -> tuple[np.ndarray, np.ndarray]:
        """Those of the wide part."""
        return self.wide.model.non_zero()

    def names_of(self, keys: np.ndarray) -> list[tuple[str, str]]:
        """(field, value) of keys of the wide part."""
        return self.wide.names.pairs(self.wide.model.table.places(keys))

    @property
    def embedded_fields(self) -> tuple[str, ...]:
        """All but numbers and crosses."""
        return self._field_names

    def vectors_of(self, keys: np.ndarray) -> np.ndarray:
        """Of the embeddings."""
        return self.vectors.of(keys)

    def is_finite(self) -> bool:
        """Whether every parameter of every component is a finite number."""
        parts = (self.wide.model, self.embeddings, self._upper)
        return all(part.is_finite() for part in parts)
