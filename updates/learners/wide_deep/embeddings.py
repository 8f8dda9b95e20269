"""The component ``embeddings``: vectors that learn by Adagrad, only those that a row touches."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy

import numpy as np

from updates.learners.sparse.algorithm import Rows
from updates.learners.sparse.keeping import Keeping
from updates.learners.sparse.slots import ABSENT, distinct
from updates.learners.wide_deep.pretrained import Pretrained
from updates.learners.wide_deep.rows import DeepRows
from updates.learners.wide_deep.vectors import Vectors, grown
from updates.samples.jit import kernel

ORIGIN_SCALE = 0.1
FIRST_SQUARE = 0.1  # what a coordinate's sum of squares begins with: bounds its first steps


class Embeddings:
    """Vectors by key, with what their learning needs.

    A key gets its vector when a mini-batch that has it is learned and it is admitted, and begins at
    the default of its field, which is what it was read as: the mean of the field's vectors, the
    field's origin being one of them. The origin is drawn by the seed; were it 0, no gradient would
    pass a ReLU. A key that expires goes with its sums of squares, and is read as the mean again.

    Admission and expiry see the rows that the embeddings learn. Those of a mini-batch have one
    hour, its newest; a key that it admits learns from all of its rows.

    Adagrad (Duchi, Hazan & Singer 2011): s += g², v −= rate·g / √s, per coordinate, g summed over
    the mini-batch.
    """

    def __init__(
        self, fields: int, dim: int, seed: int, rate: float, keeping: Keeping | None = None
    ) -> None:
        self.rate = rate
        self.keeping = keeping or Keeping()
        random = np.random.default_rng(seed)
        self._sums = random.normal(0.0, ORIGIN_SCALE, (fields, dim))
        self._counts = np.ones(fields)
        self.vectors = Vectors(self._sums.astype(np.float32))
        self._squares = np.empty((0, dim), np.float32)
        self._fields = np.empty(0, np.int32)
        self._touched: list[np.ndarray] | None = None
        self._removed: list[np.ndarray] = []

    def copy(self) -> Embeddings:
        """One that goes its own way from here; what is tracked stays with this one."""
        embeddings = copy(self)
        embeddings.keeping = self.keeping.copy()
        embeddings.vectors = self.vectors.copy()
        embeddings._touched, embeddings._removed = None, []
        embeddings._sums, embeddings._counts = self._sums.copy(), self._counts.copy()
        embeddings._squares, embeddings._fields = self._squares.copy(), self._fields.copy()
        return embeddings

    @property
    def seen(self) -> int:
        """Distinct keys met, see ``Keeping.seen``."""
        return self.keeping.seen(self.vectors.table)

    def learn(self, rows: DeepRows, gradients: np.ndarray) -> None:
        """Move the vectors of the rows' keys.

        gradients : (n, fields·dim) float32, of the loss by the network's inputs.
        """
        table, expiry = self.vectors.table, self.keeping.expiry
        if expiry is not None:
            table.hour = int(expiry.hours(rows.event_times)[-1])
        self._admit(rows)
        touched = _adagrad(
            rows.indptr,
            rows.keys,
            self.vectors.find(rows.keys),
            gradients,
            self.vectors.values,
            self._squares,
            self._sums,
            np.float32(self.rate),
        )
        if expiry is not None:
            table.stamp(touched)
            self._remove(np.sort(expiry.advance(table)))
        self._changed(touched)

    def take_over(self, given: Pretrained) -> None:
        """Have keys begin anew at vectors that were learned elsewhere, admitted or not."""
        self._remove(given.keys)
        self._enter(self.vectors.add(given.keys, given.vectors), given.fields)
        if self.keeping.admission is not None:
            self.keeping.admission.register(given.keys)
        self._changed(given.keys)

    def _changed(self, keys: np.ndarray) -> None:
        """The vectors of these keys are others now, and with them the means."""
        self.vectors.defaults = (self._sums / self._counts[:, None]).astype(np.float32)
        if self._touched is not None:
            self._touched.append(keys)

    def _admit(self, rows: DeepRows) -> None:
        """Give the keys that get in a vector, in the order of their first occurrence."""
        firsts = self._admitted(rows)
        fields = (np.searchsorted(rows.indptr, firsts, side="right") - 1) % rows.fields
        self._enter(self.vectors.add(rows.keys[firsts], self.vectors.defaults[fields]), fields)

    def _enter(self, numbers: np.ndarray, fields: np.ndarray) -> None:
        """Vectors that have just been added are of these fields."""
        self._make_room()
        self._squares[numbers], self._fields[numbers] = FIRST_SQUARE, fields
        np.add.at(self._sums, fields, self.vectors.values[numbers])
        np.add.at(self._counts, fields, 1.0)

    def _admitted(self, rows: DeepRows) -> np.ndarray:
        """(m,) positions in the rows' keys of those that get in, ascending."""
        if self.keeping.admission is not None:
            ones, none = np.ones(len(rows.keys)), np.empty(0)
            ends = np.ascontiguousarray(rows.indptr[:: max(rows.fields, 1)])
            whole = Rows(ends, rows.keys, ones, none, none)
            return self.keeping.admission.filter(self.vectors.table, whole)[1]
        unknown = np.flatnonzero(self.vectors.find(rows.keys) == ABSENT)
        return unknown[np.sort(np.unique(rows.keys[unknown], return_index=True)[1])]

    def _remove(self, keys: np.ndarray) -> None:
        """Take the vectors of these keys away."""
        if not len(keys):
            return
        numbers = self.vectors.remove(keys)
        np.subtract.at(self._sums, self._fields[numbers], self.vectors.values[numbers])
        np.subtract.at(self._counts, self._fields[numbers], 1.0)
        if self._touched is not None:
            self._removed.append(keys)

    def _make_room(self) -> None:
        rows = len(self.vectors.values)
        if rows > len(self._squares):
            self._squares, self._fields = grown(self._squares, rows), grown(self._fields, rows)

    def track(self) -> None:
        """Remember from now on which vectors learning changes."""
        self._touched = []

    def touched(self) -> dict[str, np.ndarray]:
        """As ``Vectors.to_arrays``, only the vectors changed since ``track`` or the last call;
        ``removed`` : (r,) keys to be removed before these are put."""
        none, vectors = np.empty(0, np.uint64), self.vectors
        keys = vectors.in_order(distinct(np.concatenate([none, *(self._touched or [])])))
        removed = np.concatenate([none, *self._removed])
        self._touched, self._removed = [], []
        return {
            "keys": keys,
            "vectors": vectors.values[vectors.find(keys)],
            "defaults": vectors.defaults,
            "removed": distinct(removed),
        }

    def is_finite(self) -> bool:
        """Whether every vector and every sum is finite."""
        arrays = (self.vectors.values, self._squares, self._sums)
        return all(bool(np.isfinite(array).all()) for array in arrays)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """What learning needs beside the vectors, in the order of their keys: ``squares``
        (size, dim), ``key_fields`` (size,); ``field_sums``, ``field_counts``; what keeps keys."""
        table = self.vectors.table
        rows = table.to_arrays()["row"].astype(np.int64)
        return {
            "squares": self._squares[rows],
            "key_fields": self._fields[rows],
            "field_sums": self._sums,
            "field_counts": self._counts,
            **self.keeping.to_arrays(table),
        }

    def restore(self, vectors: Vectors, arrays: Mapping[str, np.ndarray]) -> None:
        """Go on from these vectors, as loaded, and the arrays of ``to_arrays``."""
        self.vectors = vectors
        self._squares, self._fields = arrays["squares"].copy(), arrays["key_fields"].copy()
        self._make_room()
        self._sums, self._counts = arrays["field_sums"].copy(), arrays["field_counts"].copy()
        self.keeping.restore(arrays, vectors.table)


@kernel
def _adagrad(  # noqa: PLR0917
    indptr: np.ndarray,
    keys: np.ndarray,
    numbers: np.ndarray,
    gradients: np.ndarray,
    vectors: np.ndarray,
    squares: np.ndarray,
    sums: np.ndarray,
    rate: np.float32,
) -> np.ndarray:
    """Add up each vector's gradients over the rows, then move it once; returns their keys.

    In the order of keys, so that sums do not depend on where vectors lie in memory.
    """
    fields, dim = sums.shape
    order = np.argsort(keys, kind="mergesort")
    owners = np.empty(keys.shape[0], np.int64)  # row and field of each key
    for owner in range(indptr.shape[0] - 1):
        owners[indptr[owner] : indptr[owner + 1]] = owner
    touched = np.empty(keys.shape[0], np.uint64)
    total = np.empty(dim, np.float32)
    count, at = 0, 0
    while at < order.shape[0]:
        key, number = keys[order[at]], numbers[order[at]]
        field = owners[order[at]] % fields
        total[:] = 0.0
        while at < order.shape[0] and keys[order[at]] == key:
            owner = owners[order[at]]
            share = np.float32(1.0) / np.float32(indptr[owner + 1] - indptr[owner])
            for d in range(dim):
                total[d] += share * gradients[owner // fields, field * dim + d]
            at += 1
        if number == ABSENT:
            continue
        for d in range(dim):
            before = vectors[number, d]
            squares[number, d] += total[d] * total[d]
            vectors[number, d] = before - rate * total[d] / np.sqrt(squares[number, d])
            sums[field, d] += np.float64(vectors[number, d]) - np.float64(before)
        touched[count] = key
        count += 1
    return touched[:count].copy()
