"""The component ``embeddings``: vectors that learn by Adagrad, only those that a row touches."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy

import numpy as np

from updates.learners.sparse.slots import ABSENT
from updates.learners.wide_deep.rows import DeepRows
from updates.learners.wide_deep.vectors import Vectors, grown
from updates.samples.jit import kernel

ORIGIN_SCALE = 0.1
FIRST_SQUARE = 0.1  # what a coordinate's sum of squares begins with: bounds its first steps


class Embeddings:
    """Vectors by key, with what their learning needs.

    A key gets its vector when a mini-batch that has it is learned, and begins at the default of
    its field, which is what it was read as: the mean of the field's vectors, the field's origin
    being one of them. The origin is drawn by the seed; were it 0, no gradient would pass a ReLU.

    Adagrad (Duchi, Hazan & Singer 2011): s += g², v −= rate·g / √s, per coordinate, g summed over
    the mini-batch.
    """

    def __init__(self, fields: int, dim: int, seed: int, rate: float) -> None:
        self.rate = rate
        random = np.random.default_rng(seed)
        self._sums = random.normal(0.0, ORIGIN_SCALE, (fields, dim))
        self._counts = np.ones(fields)
        self.vectors = Vectors(self._sums.astype(np.float32))
        self._squares = np.empty((0, dim), np.float32)
        self._touched: list[np.ndarray] | None = None

    def copy(self) -> Embeddings:
        """One that goes its own way from here; what is tracked stays with this one."""
        embeddings = copy(self)
        embeddings.vectors, embeddings._touched = self.vectors.copy(), None
        embeddings._sums, embeddings._counts = self._sums.copy(), self._counts.copy()
        embeddings._squares = self._squares.copy()
        return embeddings

    def learn(self, rows: DeepRows, gradients: np.ndarray) -> None:
        """Move the vectors of the rows' keys.

        gradients : (n, fields·dim) float32, of the loss by the network's inputs.
        """
        numbers = self._inserted(rows)
        touched = _adagrad(
            rows.indptr,
            numbers,
            gradients,
            self.vectors.values,
            self._squares,
            self._sums,
            np.float32(self.rate),
        )
        self.vectors.defaults = (self._sums / self._counts[:, None]).astype(np.float32)
        if self._touched is not None:
            self._touched.append(touched)

    def _inserted(self, rows: DeepRows) -> np.ndarray:
        """(nnz,) numbers of the rows' keys, which all have a vector afterwards."""
        numbers = self.vectors.find(rows.keys)
        unknown = np.flatnonzero(numbers == ABSENT)
        if not len(unknown):
            return numbers
        firsts = unknown[np.sort(np.unique(rows.keys[unknown], return_index=True)[1])]
        fields = (np.searchsorted(rows.indptr, firsts, side="right") - 1) % rows.fields
        begin = self.vectors.defaults[fields]
        self.vectors.put(rows.keys[firsts], begin)
        np.add.at(self._sums, fields, begin)
        np.add.at(self._counts, fields, 1.0)
        self._make_room()
        return self.vectors.find(rows.keys)

    def _make_room(self) -> None:
        if self.vectors.size > len(self._squares):
            longer = grown(self._squares, 1 << (self.vectors.size - 1).bit_length())
            longer[len(self._squares) :] = FIRST_SQUARE
            self._squares = longer

    def track(self) -> None:
        """Remember from now on which vectors learning changes."""
        self._touched = []

    def touched(self) -> dict[str, np.ndarray]:
        """As ``Vectors.to_arrays``, only the vectors changed since ``track`` or the last call."""
        numbers = np.unique(np.concatenate([np.empty(0, np.int64), *(self._touched or [])]))
        self._touched = []
        vectors = self.vectors
        return {
            "keys": vectors.keys[numbers],
            "vectors": vectors.values[numbers],
            "defaults": vectors.defaults,
        }

    def is_finite(self) -> bool:
        """Whether every vector and every sum is finite."""
        arrays = (self.vectors.values, self._squares[: self.vectors.size], self._sums)
        return all(bool(np.isfinite(array).all()) for array in arrays)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """What learning needs beside the vectors: ``squares``, ``sums``, ``counts``."""
        return {
            "squares": self._squares[: self.vectors.size],
            "sums": self._sums,
            "counts": self._counts,
        }

    def restore(self, vectors: Vectors, arrays: Mapping[str, np.ndarray]) -> None:
        """Go on from these vectors and the arrays of ``to_arrays``."""
        self.vectors = vectors
        self._squares = arrays["squares"].copy()
        self._sums, self._counts = arrays["sums"].copy(), arrays["counts"].copy()


@kernel
def _adagrad(  # noqa: PLR0917
    indptr: np.ndarray,
    numbers: np.ndarray,
    gradients: np.ndarray,
    vectors: np.ndarray,
    squares: np.ndarray,
    sums: np.ndarray,
    rate: np.float32,
) -> np.ndarray:
    """Add up each vector's gradients over the rows, then move it once; returns their numbers."""
    fields, dim = sums.shape
    order = np.argsort(numbers, kind="mergesort")
    owners = np.empty(numbers.shape[0], np.int64)  # row and field of each key
    for owner in range(indptr.shape[0] - 1):
        owners[indptr[owner] : indptr[owner + 1]] = owner
    touched = np.empty(numbers.shape[0], np.int64)
    total = np.empty(dim, np.float32)
    count, at = 0, 0
    while at < order.shape[0]:
        number = numbers[order[at]]
        field = owners[order[at]] % fields
        total[:] = 0.0
        while at < order.shape[0] and numbers[order[at]] == number:
            owner = owners[order[at]]
            share = np.float32(1.0) / np.float32(indptr[owner + 1] - indptr[owner])
            for d in range(dim):
                total[d] += share * gradients[owner // fields, field * dim + d]
            at += 1
        for d in range(dim):
            before = vectors[number, d]
            squares[number, d] += total[d] * total[d]
            vectors[number, d] = before - rate * total[d] / np.sqrt(squares[number, d])
            sums[field, d] += np.float64(vectors[number, d]) - np.float64(before)
        touched[count] = number
        count += 1
    return touched[:count].copy()
