"""Vectors by 64-bit feature key: what serving needs of the embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256

import numpy as np

from updates.learners.sparse.slots import ABSENT, NUMBER, NUMBER_MASK, STATE
from updates.learners.sparse.table import KeyTable
from updates.learners.wide_deep.rows import DeepRows
from updates.samples.jit import kernel

FIRST_ROWS = 1024
COLUMNS = ("row",)


class Vectors:
    """One float32 vector a key. The memory of one that is removed is used again.

    A key that has none is read as the default of its field. A field without a value is all zeros,
    one with several is their mean.

    Attributes
    ----------
    defaults : (fields, dim) float32. values : (rows, dim) float32, of which each key has a row
    and some are free; may be written, void after ``add``. table : rows by key, in the order in
    which the keys came; changed only by ``add`` and ``remove``, or by ``add`` after it.
    """

    def __init__(self, defaults: np.ndarray) -> None:
        self.defaults = defaults
        self.values = np.zeros((FIRST_ROWS, defaults.shape[1]), np.float32)
        self.table = KeyTable(COLUMNS)
        self._used = 0
        self._free = np.empty(0, np.int64)

    @property
    def size(self) -> int:
        """Number of keys."""
        return self.table.size

    @property
    def space_id(self) -> str:
        """Which geometry: any change of a vector or of a default is another space."""
        digest = sha256(repr(self.defaults.shape).encode())
        for part in self.to_arrays().values():
            digest.update(np.ascontiguousarray(part).data)
        return digest.hexdigest()[:16]

    def find(self, keys: np.ndarray) -> np.ndarray:
        """(n,) int64 rows of the keys; ABSENT (-1) for a key that has no vector."""
        found: np.ndarray = _rows(self.table.view.states, self.table.find(keys))
        return found

    def of(self, keys: np.ndarray) -> np.ndarray:
        """(n, dim) float32 vectors of the keys; NaN of a key that has none."""
        rows = self.find(keys)
        found: np.ndarray = np.where((rows == ABSENT)[:, None], np.nan, self.values[rows])
        return found.astype(np.float32)

    def add(self, keys: np.ndarray, values: np.ndarray) -> np.ndarray:
        """Give (n,) distinct keys that have none the vectors (n, dim); returns their (n,) rows."""
        rows = self._take(len(keys))
        self.table.put(keys, rows[:, np.newaxis].astype(np.float64))
        self.table.settle()
        self.values[rows] = values
        return rows

    def put(self, keys: np.ndarray, values: np.ndarray) -> None:
        """Set the vectors (n, dim) of (n,) distinct keys."""
        rows = self.find(keys)
        known, new = np.flatnonzero(rows != ABSENT), np.flatnonzero(rows == ABSENT)
        self.values[rows[known]] = values[known]
        self.add(keys[new], values[new])

    def remove(self, keys: np.ndarray) -> np.ndarray:
        """Take the vectors of distinct keys away; returns the (m,) rows of those that had one."""
        rows = self.find(keys)
        here: np.ndarray = rows[rows != ABSENT]
        self.table.remove(keys)
        self.table.settle()
        self._free = np.concatenate([self._free, here])
        return here

    def _take(self, count: int) -> np.ndarray:
        """(count,) free rows."""
        again = self._free[:count]
        fresh = np.arange(self._used, self._used + count - len(again))
        self._free, self._used = self._free[count:], self._used + len(fresh)
        if self._used > len(self.values):
            self.values = grown(self.values, 1 << (self._used - 1).bit_length())
        return np.concatenate([again, fresh])

    def in_order(self, keys: np.ndarray) -> np.ndarray:
        """Those of the distinct keys that have a vector, in the order in which they came."""
        slots = self.table.find(keys)
        here = np.flatnonzero(slots != ABSENT)
        numbers = self.table.view.cells[slots[here], NUMBER] & NUMBER_MASK
        found: np.ndarray = keys[here[np.argsort(numbers)]]
        return found

    def inputs(self, rows: DeepRows, numbers: np.ndarray) -> np.ndarray:
        """(n, fields·dim + k) float32: what the network reads of rows whose keys have the vectors
        at these rows of ``values``."""
        inputs: np.ndarray = _pooled(rows.indptr, numbers, self.values, self.defaults, rows.numbers)
        return inputs

    def copy(self) -> Vectors:
        """One that goes its own way from here."""
        vectors = Vectors(self.defaults)
        vectors.table, vectors.values = self.table.copy(), self.values.copy()
        vectors._used, vectors._free = self._used, self._free
        return vectors

    def to_arrays(self) -> dict[str, np.ndarray]:
        """``keys`` (size,) in the order in which they came, their ``vectors``, ``defaults``."""
        arrays = self.table.to_arrays()
        vectors = self.values[arrays["row"].astype(np.int64)]
        return {"keys": arrays["keys"], "vectors": vectors, "defaults": self.defaults}

    @classmethod
    def from_arrays(
        cls,
        arrays: Mapping[str, np.ndarray],
        shape: tuple[int, int],
        hours: np.ndarray | None = None,
    ) -> Vectors:
        """What ``to_arrays`` described, its keys last learned at these hours.

        Raises ValueError unless it has ``shape`` fields and dimensions.
        """
        if arrays["defaults"].shape != shape:
            got = arrays["defaults"].shape
            raise ValueError(f"embeddings of {shape} fields and dimensions are needed, got {got}")
        vectors, keys = cls(arrays["defaults"]), arrays["keys"]
        rows = vectors._take(len(keys))
        columns = {"keys": keys, "row": rows.astype(np.float64)}
        vectors.table = KeyTable.from_arrays(COLUMNS, columns, hours)
        vectors.values[rows] = arrays["vectors"]
        return vectors


def grown(array: np.ndarray, rows: int) -> np.ndarray:
    """The array with so many rows, the new ones 0."""
    longer = np.zeros((rows, *array.shape[1:]), array.dtype)
    longer[: len(array)] = array
    return longer


@kernel
def _rows(states: np.ndarray, slots: np.ndarray) -> np.ndarray:
    rows = np.full(slots.shape[0], ABSENT)
    for i in range(slots.shape[0]):
        if slots[i] != ABSENT:
            rows[i] = np.int64(states[slots[i], STATE])
    return rows


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
