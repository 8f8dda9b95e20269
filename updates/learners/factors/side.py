"""One component: the vectors and biases of all users, or of all items."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from typing import NamedTuple

import numpy as np

from updates.learners.sparse.slots import ABSENT
from updates.learners.wide_deep.vectors import Vectors, grown
from updates.samples.hashing import NO_KEY

First = Callable[[np.ndarray], np.ndarray]


class Found(NamedTuple):
    """Where the keys of n rows are.

    rows : (n,) int64 rows of ``values``, ABSENT (-1) for what has none. cold : (n,) bool, the key
    had none before this row. new : (m,) positions of the keys that got one, ascending.
    """

    rows: np.ndarray
    cold: np.ndarray
    new: np.ndarray


class Side:
    """A row of dim + 1 float32 a key: the vector, then the bias.

    Rows are given in the order in which keys come, and no key goes. A key without a row is read as
    zeros.

    Parameters
    ----------
    first : the (m, dim + 1) float32 with which (m,) keys begin.
    """

    def __init__(self, dim: int, first: First) -> None:
        self._first = first
        self._vectors = Vectors(np.zeros((1, dim + 1), np.float32))
        self._touched: np.ndarray | None = None

    @property
    def size(self) -> int:
        """Number of keys."""
        return self._vectors.size

    @property
    def values(self) -> np.ndarray:
        """(size or more, dim + 1) float32; may be written, void after ``meet`` and ``put``."""
        return self._vectors.values

    @property
    def known(self) -> np.ndarray:
        """(size, dim + 1) float32 of all keys, in the order in which they came."""
        return self._vectors.values[: self.size]

    def find(self, keys: np.ndarray) -> np.ndarray:
        """(n,) int64 rows of ``values``; ABSENT (-1) for a key that has none, and for no key."""
        return np.where(keys == NO_KEY, ABSENT, self._vectors.find(keys))

    def look_up(self, keys: np.ndarray) -> Found:
        """Where (n,) keys are; nobody gets a row."""
        rows = self.find(keys)
        return Found(rows, (rows == ABSENT) & (keys != NO_KEY), np.empty(0, np.int64))

    def meet(self, keys: np.ndarray) -> Found:
        """Where (n,) keys are, a row given to those that have none; all are about to be learned."""
        unknown = np.flatnonzero(self.look_up(keys).cold)
        new = unknown[np.sort(np.unique(keys[unknown], return_index=True)[1])]
        self._vectors.add(keys[new], self._first(keys[new]))
        rows, cold = self.find(keys), np.zeros(len(keys), np.bool_)
        cold[new] = True
        self._touch(rows)
        return Found(rows, cold, new)

    def rows(self, keys: np.ndarray) -> np.ndarray:
        """(n, dim + 1) float32 of the keys, zeros for one that has none."""
        places = self.find(keys)
        return np.where((places == ABSENT)[:, np.newaxis], np.float32(0.0), self.values[places])

    def copy(self) -> Side:
        """One that goes its own way from here; what is tracked stays with this one."""
        side = copy(self)
        side._vectors, side._touched = self._vectors.copy(), None
        return side

    def track(self) -> None:
        """Remember from now on which rows learning changes."""
        self._touched = np.zeros(len(self.values), np.bool_)

    def _touch(self, rows: np.ndarray) -> None:
        if self._touched is None:
            return
        if len(self._touched) < len(self.values):
            self._touched = grown(self._touched, len(self.values))
        self._touched[rows[rows != ABSENT]] = True

    def touched(self) -> tuple[np.ndarray, np.ndarray]:
        """(m,) keys and (m, dim + 1) values that learning changed since ``track`` or the last call,
        in the order in which the keys came."""
        arrays = self.to_arrays()
        changed = np.zeros(0, np.int64) if self._touched is None else np.flatnonzero(self._touched)
        self.track()
        return arrays["keys"][changed], arrays["vectors"][changed]

    def put(self, keys: np.ndarray, values: np.ndarray) -> None:
        """Set the (n, dim + 1) values of (n,) distinct keys."""
        self._vectors.put(keys, values)

    def is_finite(self) -> bool:
        """Whether every vector and bias is finite."""
        return bool(np.isfinite(self.known).all())

    def to_arrays(self) -> dict[str, np.ndarray]:
        """``keys`` (size,) uint64 in the order in which they came, ``vectors`` (size, dim + 1)."""
        arrays = self._vectors.to_arrays()
        return {name: arrays[name] for name in ("keys", "vectors")}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Replace the state by one of ``to_arrays``; raises ValueError for another dim."""
        width = self.values.shape[1]
        if arrays["vectors"].shape[1] != width:
            got = arrays["vectors"].shape[1] - 1
            raise ValueError(f"vectors of {width - 1} dimensions are needed, got {got}")
        none = np.zeros((1, width), np.float32)
        self._vectors = Vectors.from_arrays({**arrays, "defaults": none}, none.shape)
        self._touched = None
