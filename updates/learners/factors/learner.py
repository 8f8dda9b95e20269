"""The learner ``factors``: a user and an item agree as far as their vectors' product says.

Koren, Bell & Volinsky 2009, "Matrix factorization techniques for recommender systems" (IEEE
Computer 42(8)), with the logistic loss; or Rendle et al. 2009, "BPR: Bayesian personalized ranking
from implicit feedback" (UAI), §4.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
from safetensors.numpy import load, load_file, save, save_file

from updates.learners.base import (
    Learner,
    LearnReport,
    Progress,
    Recommended,
    Sparsity,
    no_progress,
)
from updates.learners.factors import files
from updates.learners.factors.batches import Columns, keys_of
from updates.learners.factors.device import FactorsOnDevice, rows_of
from updates.learners.factors.history import History
from updates.learners.factors.items import Items
from updates.learners.factors.loops import (
    INTERCEPT,
    Interactions,
    Parameters,
    learn_all,
    predict_all,
)
from updates.learners.factors.recommend import as_names, recommend
from updates.learners.factors.settings import BPR, OPTIONS, REMEMBER, Steps, of_space
from updates.learners.factors.side import Side
from updates.learners.gbdt import chunks
from updates.learners.sparse.linear import ServingFormNeeded, ServingOnlyError
from updates.samples.schema import SampleSchema

ROWS = 1 << 15  # between two calls of progress: some 0.05 s
ITEMS, USERS = "items", "users"


class Factors(Learner):
    """Vectors and biases of users and items, learned sample by sample; other fields are ignored.

    A user that is not known is the zero vector with bias 0, which is also where it begins to learn:
    it gets what is liked by all. An item that is not known is read as that too; its vector begins
    at one drawn by its key, as two zero vectors would never leave 0. A sample without a user or an
    item moves what it has.

    Users learn by SGD and items, unless told otherwise, by Adagrad: so a device needs nothing but
    its user's vector to learn on. A sample of weight w pulls and pushes w times as hard.

    With ``loss`` bpr samples of label 1 are learned against an item drawn by seed and position of
    the sample among those known by then; those of label 0 only bring items, and move the two
    numbers that make probabilities of scores.

    ``space_id`` names the geometry that users' vectors have a meaning in. Items that begin from
    nothing begin a new one, named by settings and first sample: what is learned on stays within it,
    as each step moves an item by little from where users know it, whereas axes of what began apart
    may turn at will. One pass over more samples is learning on, so that it is the same space; a
    ``fit`` of several passes is not, and names its own by where its items lie at the end.
    """

    name = "factors"
    components = (ITEMS, USERS)
    lives_in: ClassVar = {USERS: ITEMS}
    sequential = True
    supports_delta = True
    device_component = USERS
    options = OPTIONS
    variants = ({}, {"loss": BPR, "epochs": 2})

    def __init__(self, schema: SampleSchema, options: Mapping[str, Any] | None = None) -> None:
        """Raises OptionError, and TypeError unless the schema has a user and an item."""
        super().__init__(schema, options)
        if schema.user is None or schema.item is None:
            raise TypeError("factors needs a schema with a user and an item")
        self._user_field, self._item_field = schema.user, schema.item
        self._serving = False
        self._view: FactorsOnDevice | None = None
        self._forget()

    def _forget(self) -> None:
        """Begin anew with the components that are trained."""
        width = self.settings["dim"] + 1
        if ITEMS in self._trained:
            self._items = Items(width, self.settings["seed"])
        if USERS in self._trained:
            self._users, self._history = Side(width), History(self.settings[REMEMBER])
        self._position = 0

    @property
    def space_id(self) -> str:
        """Which geometry of items; "" before anything is learned."""
        return self._items.space_id

    def space_ids(self) -> dict[str, str]:
        """Items make the space that users live in."""
        return dict.fromkeys(self.components, self.space_id) if self.space_id else {}

    def fit(
        self, batches: Iterable[pa.RecordBatch], progress: Progress = no_progress
    ) -> LearnReport:
        """Learn the batches from nothing, ``epochs`` times; predictions are those of the first.

        What later passes need is kept meanwhile: 33 bytes a sample.
        """
        self._whole()
        self._forget()
        epochs, kept, found, done = self.settings["epochs"], [], [np.empty(0)], 0
        for chunk in chunks(batches, ROWS):
            rows = self._inserted(chunk)
            found.append(self._learn(rows))
            done += chunk.num_rows
            if epochs > 1:
                kept.append(rows._replace(new=np.zeros(len(rows.new), bool)))
            progress("learning", done, None)
        for epoch in range(1, epochs):
            for rows in kept:
                self._learn(rows)
                progress("learning again", epoch, epochs)
        if epochs > 1 and ITEMS in self._trained:
            self._items.name_by_vectors()
        return LearnReport(done, np.concatenate(found))

    def learn(self, batch: pa.RecordBatch, progress: Progress = no_progress) -> LearnReport:
        """Learn sample by sample; stopped by ``progress``, the samples before stay learned."""
        self._whole()
        found, done = [np.empty(0)], 0
        for chunk in chunks([batch], ROWS):
            found.append(self._learn(self._inserted(chunk)))
            done += chunk.num_rows
            progress("learning", done, batch.num_rows)
        return LearnReport(done, np.concatenate(found))

    def _inserted(self, chunk: pa.RecordBatch) -> Interactions:
        """The samples, after all that are trained have got a vector."""
        columns = Columns.of(self.schema, chunk)
        if not self.space_id and ITEMS in self._trained and chunk.num_rows:
            self._items.name_by_beginning(of_space(self.settings), columns.first)
        new = np.zeros(len(columns.labels), bool)
        if ITEMS in self._trained:
            firsts = self._items.side.unknown(columns.items)
            self._items.add(
                self._item_field, columns.items[firsts], columns.names.take(pa.array(firsts))
            )
            new[firsts] = True
        if USERS in self._trained:
            keys = columns.users[self._users.unknown(columns.users)]
            self._users.vectors.add(keys, np.zeros((len(keys), self.settings["dim"] + 1)))
        rows = self._found(columns, new)
        if USERS in self._trained:
            self._history.remember(rows.users, columns.items)
        return rows

    def _found(self, columns: Columns, new: np.ndarray) -> Interactions:
        return Interactions(
            self._users.find(columns.users),
            self._items.side.find(columns.items),
            new,
            columns.labels,
            columns.weights,
        )

    def _learn(self, rows: Interactions) -> np.ndarray:
        steps = Steps.of(self.settings, users=USERS in self._trained, items=ITEMS in self._trained)
        met = self._items.side.size - int(np.count_nonzero(rows.new))
        found, drawn = learn_all(rows, self._parameters(), steps, self._position, met)
        self._position += len(found)
        if USERS in self._trained:
            self._users.touch(rows.users)
        if ITEMS in self._trained:
            self._items.side.touch(rows.items, drawn)
        return found

    def _parameters(self) -> Parameters:
        items = self._items
        return Parameters(
            self._users.vectors.values, items.side.vectors.values, items.squares, items.shared
        )

    def _whole(self) -> None:
        if self._serving:
            raise ServingOnlyError("only the serving form is loaded: use load() to learn or save")

    def predict(self, batch: pa.RecordBatch) -> np.ndarray:
        """(n,) probabilities of label 1; learns nothing."""
        parts = [np.empty(0)]
        for chunk in chunks([batch], ROWS):
            columns = Columns.of(self.schema, chunk)
            rows = self._found(columns, np.zeros(chunk.num_rows, bool))
            parts.append(predict_all(rows, self._parameters()))
        return np.concatenate(parts)

    def on_device(self) -> FactorsOnDevice:
        """What it has for devices; of the serving form the same until a delta comes, so that what
        takes a look at all items is looked for once."""
        fields = self._user_field, self._item_field
        view = self._view or FactorsOnDevice(self._users, self._items, fields, self.settings)
        self._view = view if self._serving else None
        return view

    def user(self, user: str) -> tuple[np.ndarray, float]:
        """Vector (dim,) float32 and bias of a user; zeros of one that is not known."""
        return self.on_device().user(user)

    def item(self, item: str) -> tuple[np.ndarray, float]:
        """Vector (dim,) float32 of an item, and its bias plus the intercept, as ``user_step`` takes
        them; zeros and the intercept of one that is not known."""
        values = rows_of(self._items.side, self._item_field, [item])[0]
        return values[:-1], float(values[-1]) + self.intercept

    @property
    def intercept(self) -> float:
        """The bias of all."""
        return float(self._items.shared[INTERCEPT])

    def pretrained(self) -> dict[str, np.ndarray]:
        """The vectors of users and items, without their biases, by the encoder's keys: as
        ``updates.learners.wide_deep.pretrained`` reads them."""
        arrays = {}
        for field, side in ((self._user_field, self._users), (self._item_field, self._items.side)):
            arrays[f"{field}.keys"] = side.to_arrays()["keys"]
            arrays[f"{field}.vectors"] = np.ascontiguousarray(side.rows[:, :-1])
        return arrays

    @property
    def embedded_fields(self) -> tuple[str, ...]:
        """Items: users are not compared."""
        return (self._item_field,)

    def vectors_of(self, keys: np.ndarray) -> np.ndarray:
        """Of items, without their biases."""
        return self._items.side.vectors.of(keys)[:, :-1]

    @property
    def item_names(self) -> pa.LargeStringArray:
        """(n,) names of the items that are known, in the order in which they came."""
        return self._items.names

    @property
    def item_vectors(self) -> np.ndarray:
        """(n, dim) float32 view, by the order of ``item_names``."""
        return self._items.side.rows[:, :-1]

    @property
    def item_biases(self) -> np.ndarray:
        """(n,) float64, each with the intercept, as ``user_step`` takes them."""
        return self._items.side.rows[:, -1].astype(np.float64) + self.intercept

    def recommend(
        self,
        user: str,
        k: int,
        seen: Collection[str] = (),
        *,
        at: tuple[np.ndarray, float] | None = None,
        repeats: bool = False,
    ) -> Recommended:
        """At most k items that score highest for a user, exactly.

        at : vector (dim,) float32 of this space and bias. What the user met is left out as far as
        it is remembered: the newest ``remember`` samples of all users, whatever their labels.
        """
        vector, bias = self.user(user) if at is None else at
        left_out = keys_of(self._item_field, as_names(seen))
        if not repeats:
            row = self._users.find(keys_of(self._user_field, as_names([user])))[0]
            left_out = np.concatenate([left_out, self._history.of(int(row))])
        rows = self._items.side.find(left_out)
        whole = np.append(vector, bias + self.intercept).astype(np.float32)
        return recommend(whole, self._items.side.rows, self._items.names, k, rows)

    def save(self, folder: Path) -> None:
        """Write the files of ``updates.learners.factors.files``."""
        self._whole()
        items, space = self._items, self.space_id
        files.write(folder / files.ITEMS, items.to_arrays(), space)
        save_file({"squares": items.squares[: items.side.size]}, folder / files.ITEMS_LEARNING)
        users = {**self._users.to_arrays(), **self._history.to_arrays()}
        files.write(folder / files.USERS, users, space)
        files.write_count(folder, self._position)

    def load(self, folder: Path) -> None:
        """Replace the state by a saved one; all components are trained.

        Raises ValueError if it is of another ``dim``, SpaceMismatch if the users are of other
        items.
        """
        self._load(folder)
        self._items.restore_squares(load_file(folder / files.ITEMS_LEARNING)["squares"])
        self._serving = False
        self._position = files.read_count(folder)
        self._trained = frozenset(self.components)

    def load_serving(self, folder: Path) -> None:
        """Load vectors, biases, names and who met what. Raises as ``load``."""
        self._load(folder)
        self._serving = True

    def _load(self, folder: Path) -> None:
        width = self.settings["dim"] + 1
        items, users = Items(width, self.settings["seed"]), Side(width)
        history = History(self.settings[REMEMBER])
        arrays, space = files.read(folder / files.ITEMS)
        items.restore(arrays, space)
        arrays, _ = files.read(folder / files.USERS, space)
        users.restore(arrays)
        history.apply(arrays)
        self._items, self._users, self._history, self._view = items, users, history, None

    def snapshot(self) -> Self:
        """A copy of this instant."""
        learner = copy.copy(self)
        learner._items, learner._users = self._items.copy(), self._users.copy()
        learner._history, learner._view = self._history.copy(), None
        return learner

    def track(self) -> None:
        """Remember from now on which vectors learning changes, and who meets what."""
        for part in (self._items, self._users, self._history):
            part.track()

    def delta(self) -> bytes:
        """Users and items learned since the last call."""
        users = {f"{USERS}.{name}": array for name, array in self._users.touched().items()}
        return save({**users, **self._history.touched(), **self._items.touched()})

    def apply(self, delta: bytes) -> None:
        """Bring the serving form to where ``delta`` was taken.

        Raises SpaceMismatch if it is of another space than the items that are here.
        """
        if not self._serving:
            raise ServingFormNeeded("deltas are for the serving form: load it by load_serving()")
        arrays = load(delta)
        space = files.as_text(arrays[files.SPACE])
        if self._items.side.size and space != self.space_id:
            raise files.SpaceMismatch(space, self.space_id)
        self._users.vectors.put(arrays[f"{USERS}.keys"], arrays[f"{USERS}.vectors"])
        self._history.apply(arrays)
        self._items.apply(arrays)
        self._view = None

    def sparsity(self) -> Sparsity:
        """Users and items that have a vector, each as one weight other than 0."""
        size = self._users.size + self._items.side.size
        bytes_each = 8 + 4 * (self.settings["dim"] + 1)
        others = self._items.names.nbytes + self._history.nbytes
        return Sparsity(size, size, size, size * bytes_each + others, 0.0)

    @property
    def algorithms(self) -> dict[str, str]:
        """Users learn at a rate of their own, items by Adagrad."""
        return {ITEMS: "adagrad", USERS: "sgd"}

    def sparsity_by_component(self) -> dict[str, Sparsity]:
        """Rows of each, and what goes with them: names of items, histories of users."""
        bytes_each = 8 + 4 * (self.settings["dim"] + 1)
        items, users = self._items.side.size, self._users.size
        item_bytes = items * bytes_each + self._items.names.nbytes
        user_bytes = users * bytes_each + self._history.nbytes
        return {
            ITEMS: Sparsity.of_rows(items, items, item_bytes),
            USERS: Sparsity.of_rows(users, users, user_bytes),
        }

    def is_finite(self) -> bool:
        """Whether every parameter of both components is a finite number."""
        items = self._items
        arrays = (self._users.rows, items.side.rows, items.squares, items.shared)
        return all(bool(np.isfinite(array).all()) for array in arrays)
