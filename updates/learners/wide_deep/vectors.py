"""Vectors by 64-bit feature key: what serving needs of the embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

import numpy as np

from updates.learners.sparse.slots import ABSENT, NUMBER, NUMBER_MASK
from updates.learners.sparse.table import KeyTable
from updates.learners.wide_deep.rows import DeepRows
from updates.samples.jit import kernel

FIRST_ROWS = 1024


class Vectors:
    """One float32 vector a key, numbered in the order in which the keys came.

    A key that has none is read as the default of its field. A field without a value is all zeros,
    one with several is their mean.

    Attributes
    ----------
    keys : (size,) uint64. values : (size, dim) float32. defaults : (fields, dim) float32.
    """

    def __init__(self, defaults: np.ndarray) -> None:
        self.defaults = defaults
        self._table = KeyTable(())
        self._keys = np.empty(FIRST_ROWS, np.uint64)
        self._values = np.empty((FIRST_ROWS, defaults.shape[1]), np.float32)

    @property
    def size(self) -> int:
        """Number of keys."""
        return self._table.size

    @property
    def keys(self) -> np.ndarray:
        """(size,) in order."""
        return self._keys[: self.size]

    @property
    def values(self) -> np.ndarray:
        """(size, dim), a view that may be written; void after ``put``."""
        return self._values[: self.size]

    @property
    def space_id(self) -> str:
        """Which geometry: any change of a vector or of a default is another space."""
        digest = sha256(repr(self.defaults.shape).encode())
        for part in (self.keys, self.values, self.defaults):
            digest.update(np.ascontiguousarray(part).data)
        return digest.hexdigest()[:16]

    def find(self, keys: np.ndarray) -> np.ndarray:
        """(n,) int64 numbers of the keys; ABSENT (-1) for a key that has no vector."""
        found: np.ndarray = _numbers(self._table.view.cells, self._table.find(keys))
        return found

    def put(self, keys: np.ndarray, values: np.ndarray) -> None:
        """Set the vectors (n, dim) of (n,) distinct keys."""
        self._table.put(keys, np.empty((len(keys), 0)))
        self._table.settle()
        if self.size > len(self._keys):
            rows = 1 << (self.size - 1).bit_length()
            self._keys = grown(self._keys, rows)
            self._values = grown(self._values, rows)
        numbers = self.find(keys)
        self._keys[numbers], self._values[numbers] = keys, values

    def inputs(self, rows: DeepRows, numbers: np.ndarray) -> np.ndarray:
        """(n, fields·dim + k) float32: what the network reads of rows whose keys have these
        numbers."""
        inputs: np.ndarray = _pooled(
            rows.indptr, numbers, self._values, self.defaults, rows.numbers
        )
        return inputs

    def copy(self) -> Vectors:
        """One that goes its own way from here."""
        vectors = Vectors(self.defaults)
        vectors._table = self._table.copy()
        vectors._keys, vectors._values = self._keys.copy(), self._values.copy()
        return vectors

    def to_arrays(self) -> dict[str, np.ndarray]:
        """``keys``, ``vectors`` and ``defaults``."""
        return {"keys": self.keys, "vectors": self.values, "defaults": self.defaults}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], shape: tuple[int, int]) -> Vectors:
        """What ``to_arrays`` described; raises ValueError unless it has ``shape`` fields and
        dimensions."""
        if arrays["defaults"].shape != shape:
            got = arrays["defaults"].shape
            raise ValueError(f"embeddings of {shape} fields and dimensions are needed, got {got}")
        vectors = cls(arrays["defaults"])
        vectors.put(arrays["keys"], arrays["vectors"])
        return vectors


def grown(array: np.ndarray, rows: int) -> np.ndarray:
    """The array with so many rows, the new ones 0."""
    longer = np.zeros((rows, *array.shape[1:]), array.dtype)
    longer[: len(array)] = array
    return longer


@kernel
def _numbers(cells: np.ndarray, slots: np.ndarray) -> np.ndarray:
    numbers = np.full(slots.shape[0], ABSENT)
    for i in range(slots.shape[0]):
        if slots[i] != ABSENT:
            numbers[i] = np.int64(cells[slots[i], NUMBER] & NUMBER_MASK)
    return numbers


@kernel
def _pooled(
    indptr: np.ndarray,
    numbers: np.ndarray,
    vectors: np.ndarray,
    defaults: np.ndarray,
    dense: np.ndarray,
) -> np.ndarray:
    """Means of each field's vectors, then the dense numbers, row by row."""
    fields, dim = defaults.shape
    pooled = np.zeros((dense.shape[0], fields * dim + dense.shape[1]), np.float32)
    for row in range(dense.shape[0]):
        out = pooled[row]
        for field in range(fields):
            start, stop = indptr[row * fields + field], indptr[row * fields + field + 1]
            share = np.float32(1.0) / np.float32(max(stop - start, 1))
            for number in numbers[start:stop]:
                vector = defaults[field] if number == ABSENT else vectors[number]
                for d in range(dim):
                    out[field * dim + d] += share * vector[d]
        for k in range(dense.shape[1]):
            out[fields * dim + k] = dense[row, k]
    return pooled
