"""The learner ``factors``: a vector and a bias for each user and item, by gradient steps.

Koren, Bell & Volinsky 2009, "Matrix Factorization Techniques for Recommender Systems" (IEEE
Computer 42:8): biases beside the product of two vectors, learned sample by sample; here under the
logistic loss of a label.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Mapping
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
from safetensors.numpy import load, load_file, save, save_file

from updates.learners.base import Learner, LearnReport, Progress, Sparsity, no_progress
from updates.learners.factors import files
from updates.learners.factors.first import drawn, zeros
from updates.learners.factors.side import Side
from updates.learners.factors.steps import StepSettings, learn_rows, predict_rows
from updates.learners.gbdt import chunks
from updates.learners.options import Option
from updates.learners.sparse.names import Names
from updates.learners.sparse.slots import ABSENT
from updates.learners.wide_deep.coverage import Coverage
from updates.samples.hashing import NO_KEY, field_seed, hash_strings
from updates.samples.schema import LABEL, WEIGHT, SampleSchema, SchemaError

ROWS = 1 << 14  # between two calls of progress
ITEMS, USERS = "items", "users"
SPACE, INTERCEPT, FIRST = "space", "intercept", "first"
OPTIONS = (
    Option("dim", 16, "Numbers in each vector.", 1, 1024),
    Option("rate", 0.2, "Learning rate.", 1e-6, 10.0),
    Option("l2", 0.01, "Pull of vectors and biases towards 0, at each sample.", 0.0, 1.0),
    Option("seed", 1, "Draws the first vectors of the items.", 0, 2**31 - 1),
)


class Factors(Learner):
    """p = 1 / (1 + exp(−(g + b + c + v·q))) of a user's b, v and an item's c, q.

    Reads the schema's user and item, label and weight; other features are left out. Learns sample
    by sample, see ``steps``. Users begin at zeros, items at a small vector drawn from key and seed:
    were both zeros, neither would have a gradient. The intercept g is learned with the items.

    A user or item not yet learned is predicted as zeros: what is left is the intercept and the bias
    of the other side, the mean over those who are known, as nothing tells this one from them.

    ``train`` chooses the components that learn; the other stays as it is, bit for bit, and gets no
    new keys.

    Raises SchemaError for a schema without a user or an item.
    """

    name = "factors"
    components = (ITEMS, USERS)
    lives_in: ClassVar = {USERS: ITEMS}
    sequential = True
    supports_delta = True
    options = OPTIONS

    def __init__(self, schema: SampleSchema, options: Mapping[str, Any] | None = None) -> None:
        super().__init__(schema, options)
        self.user_field = _field(schema.user, "user")
        self.item_field = _field(schema.item, "item")
        self._forget()

    def _forget(self) -> None:
        """Begin anew with the components that are trained."""
        dim, seed = self.settings["dim"], self.settings["seed"]
        if ITEMS in self._trained:
            self.items = Side(dim, partial(drawn, dim=dim, seed=seed))
            self._names = Names()
            self._named = 0
            self._intercept = np.zeros(1)
            self._space = self._digest()
        if USERS in self._trained:
            self.users = Side(dim, partial(zeros, dim=dim))

    @property
    def intercept(self) -> float:
        """The logit of an unknown user and item."""
        return float(self._intercept[0])

    @property
    def step_settings(self) -> StepSettings:
        """What ``user_step`` needs to go on as this learner would."""
        return StepSettings(self.settings["rate"], self.settings["l2"], self.intercept)

    @property
    def space_id(self) -> str:
        """Which geometry user vectors belong to.

        A digest of the items as the last fit of them ended, before the first one as they began.
        Learning on moves items by steps, and stays within the space.
        """
        return self._space

    def space_ids(self) -> dict[str, str]:
        """Items make the space that users live in."""
        return {ITEMS: self._space, USERS: self._space}

    def _digest(self) -> str:
        about = self.item_field, self.settings["dim"], self.settings["seed"]
        digest = sha256(repr(about).encode())
        for part in (*self.items.to_arrays().values(), self._intercept):
            digest.update(np.ascontiguousarray(part).data)
        return digest.hexdigest()[:16]

    def user_vector(self, user: str) -> tuple[np.ndarray, np.float32]:
        """A user's (dim,) float32 vector and bias; zeros of one who is not known."""
        row = self.users.rows(self._user_keys(pa.array([user], pa.string())))[0]
        return row[:-1], row[-1]

    def item_vectors(self, items: Collection[str]) -> tuple[np.ndarray, np.ndarray]:
        """(n, dim) float32 vectors and (n,) biases of items; zeros of one that is not known."""
        rows = self.items.rows(self._item_keys(pa.array(list(items), pa.string())))
        return rows[:, :-1], rows[:, -1]

    def item_rows(self, items: Collection[str]) -> np.ndarray:
        """(m,) int64 rows of ``items`` of those that are known."""
        rows = self.items.find(self._item_keys(pa.array(list(items), pa.string())))
        return rows[rows != ABSENT]

    def item_names(self, rows: np.ndarray) -> list[str]:
        """Ids of the items at these rows of ``items``."""
        found: list[str] = self._names.take(rows)[1].to_pylist()
        return found

    def fit(
        self, batches: Iterable[pa.RecordBatch], progress: Progress = no_progress
    ) -> LearnReport:
        """One pass over the batches, in order; the components that are trained begin anew.

        Items that are fitted alone are fitted to the users as they are, who so live in their space.
        """
        self._forget()
        report = self._learn(batches, None, progress)
        if ITEMS in self._trained:
            self._space = self._digest()
        return report

    def learn(self, batch: pa.RecordBatch, progress: Progress = no_progress) -> LearnReport:
        """Learn row by row; stopped by ``progress``, the rows before stay learned."""
        return self._learn([batch], batch.num_rows, progress)

    def _learn(
        self, batches: Iterable[pa.RecordBatch], total: int | None, progress: Progress
    ) -> LearnReport:
        predictions, coverage, done = [np.empty(0)], Coverage(), 0
        for chunk in chunks(batches, ROWS):
            progress("learning", done, total)
            predictions.append(self._learn_chunk(chunk, coverage))
            done += chunk.num_rows
        progress("learning", done, total)
        return LearnReport(done, np.concatenate(predictions), coverage=coverage.share)

    def _learn_chunk(self, chunk: pa.RecordBatch, coverage: Coverage) -> np.ndarray:
        user_keys, item_keys = self._keys(chunk)
        users_learn, items_learn = USERS in self._trained, ITEMS in self._trained
        users = self.users.meet(user_keys) if users_learn else self.users.look_up(user_keys)
        items = self.items.meet(item_keys) if items_learn else self.items.look_up(item_keys)
        self._name(chunk, items.new)
        for keys, found in ((user_keys, users), (item_keys, items)):
            met = int(np.count_nonzero(keys != NO_KEY))
            coverage.count(met, met - int(np.count_nonzero(found.cold)))
        predictions: np.ndarray = learn_rows(
            users.rows,
            items.rows,
            items.cold,
            np.array(chunk.column(LABEL), np.float64),
            np.array(chunk.column(WEIGHT), np.float64),
            self.users.values,
            self.items.values,
            self._intercept,
            self.settings["rate"],
            self.settings["l2"],
            users_learn,
            items_learn,
        )
        return predictions

    def _keys(self, batch: pa.RecordBatch) -> tuple[np.ndarray, np.ndarray]:
        users, items = batch.column(self.user_field), batch.column(self.item_field)
        return self._user_keys(users), self._item_keys(items)

    def _user_keys(self, users: pa.StringArray) -> np.ndarray:
        return hash_strings(users, field_seed(self.user_field))

    def _item_keys(self, items: pa.StringArray) -> np.ndarray:
        return hash_strings(items, field_seed(self.item_field))

    def _name(self, chunk: pa.RecordBatch, new: np.ndarray) -> None:
        """Keep the names of the items in these rows."""
        if len(new):
            fields = pa.array([self.item_field] * len(new), pa.string())
            self._names.append(fields, chunk.column(self.item_field).take(pa.array(new)))

    def predict(self, batch: pa.RecordBatch) -> np.ndarray:
        """(n,) probabilities of label 1; learns nothing."""
        parts = [np.empty(0)]
        for chunk in chunks([batch], ROWS):
            users, items = self._keys(chunk)
            rows = self.users.find(users), self.items.find(items)
            values = self.users.values, self.items.values
            parts.append(predict_rows(*rows, *values, self.intercept))
        return np.concatenate(parts)

    def save(self, folder: Path) -> None:
        """Write the files of ``updates.learners.factors.files``."""
        items = {**self.items.to_arrays(), **self._names.to_arrays()}
        about = {INTERCEPT: self._intercept, SPACE: _letters(self._space)}
        save_file({**items, **about}, folder / files.ITEMS)
        save_file(self.users.to_arrays(), folder / files.USERS)
        files.write_bound(folder, self._space)

    def load(self, folder: Path) -> None:
        """Replace the state by a saved one; all components are trained.

        Raises ValueError if its vectors are of another dim, SpaceMismatch if its users belong to
        other items.
        """
        items, users = load_file(folder / files.ITEMS), load_file(folder / files.USERS)
        space = items[SPACE].tobytes().decode()
        files.check_bound(folder, space)
        self._trained = frozenset(self.components)
        self._forget()
        self.items.restore(items)
        self.users.restore(users)
        self._names, self._space = Names.from_arrays(items), space
        self._intercept = items[INTERCEPT].copy()

    def snapshot(self) -> Self:
        """A copy of this instant."""
        learner = copy.copy(self)
        learner.items, learner.users = self.items.copy(), self.users.copy()
        learner._names, learner._intercept = self._names.copy(), self._intercept.copy()
        return learner

    def track(self) -> None:
        """Remember from now on which vectors learning changes."""
        self.items.track()
        self.users.track()
        self._named = self.items.size

    def delta(self) -> bytes:
        """Vectors and biases learned since the last call, names of new items, the intercept."""
        item_keys, item_values = self.items.touched()
        user_keys, user_values = self.users.touched()
        first, self._named = self._named, self.items.size
        return save(
            {
                "item_keys": item_keys,
                "item_values": item_values,
                "user_keys": user_keys,
                "user_values": user_values,
                INTERCEPT: self._intercept,
                SPACE: _letters(self._space),
                FIRST: np.array([first]),
                **self._names_from(self._names, first).to_arrays(),
            }
        )

    @staticmethod
    def _names_from(names: Names, first: int) -> Names:
        """Those from the one numbered so."""
        later = Names()
        later.append(*names.take(np.arange(first, len(names))))
        return later

    def apply(self, delta: bytes) -> None:
        """Bring the serving form, which is the whole state, to where ``delta`` was taken.

        Raises SpaceMismatch if the delta is of another space.
        """
        arrays = load(delta)
        space = arrays[SPACE].tobytes().decode()
        if space != self._space:
            raise files.SpaceMismatch(space, self._space)
        known = len(self._names) - int(arrays[FIRST][0])
        new = self._names_from(Names.from_arrays(arrays), known)
        self._names.append(*new.take(np.arange(len(new))))
        self.items.put(arrays["item_keys"], arrays["item_values"])
        self.users.put(arrays["user_keys"], arrays["user_values"])
        self._intercept = arrays[INTERCEPT].copy()

    def sparsity(self) -> Sparsity:
        """Users and items; a vector with its bias counts as one weight, other than 0."""
        rows = self.items.size + self.users.size
        row_bytes = 8 + 4 * (self.settings["dim"] + 1)
        return Sparsity(
            seen=rows, admitted=rows, non_zero=rows, deployed_bytes=rows * row_bytes, tiny_share=0.0
        )

    def is_finite(self) -> bool:
        """Whether every vector, every bias and the intercept is a finite number."""
        sides = self.items.is_finite() and self.users.is_finite()
        return sides and bool(np.isfinite(self._intercept).all())


def _field(name: str | None, kind: str) -> str:
    if name is None:
        raise SchemaError(kind, f"factors needs a schema with the field that holds the {kind}'s id")
    return name


def _letters(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), np.uint8)
