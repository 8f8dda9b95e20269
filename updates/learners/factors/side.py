"""One side of the product: a vector and a bias for each user, or for each item."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy

import numpy as np

from updates.learners.sparse.slots import ABSENT, distinct
from updates.learners.wide_deep.vectors import Vectors


class Side:
    """Vectors by 64-bit key, the bias as the last coordinate, rows in the order of the keys.

    width : dim + 1.
    """

    def __init__(self, width: int) -> None:
        self.vectors = Vectors(np.zeros((1, width), np.float32))
        self._touched: list[np.ndarray] | None = None

    @property
    def size(self) -> int:
        """Number of keys."""
        return self.vectors.size

    @property
    def rows(self) -> np.ndarray:
        """(size, dim + 1) float32 view of what is in use."""
        return self.vectors.values[: self.size]

    def copy(self) -> Side:
        """One that goes its own way from here; what is tracked stays with this one."""
        side = copy(self)
        side.vectors, side._touched = self.vectors.copy(), None
        return side

    def find(self, keys: np.ndarray) -> np.ndarray:
        """(n,) int64 rows of the keys; ABSENT (-1) for key 0 and for one that has no vector."""
        return np.where(keys == 0, ABSENT, self.vectors.find(keys))

    def unknown(self, keys: np.ndarray) -> np.ndarray:
        """(m,) positions, ascending, at which keys other than 0 stand for the first time and have
        no vector yet."""
        absent = np.flatnonzero((self.find(keys) == ABSENT) & (keys != 0))
        return absent[np.sort(np.unique(keys[absent], return_index=True)[1])]

    def track(self) -> None:
        """Remember from now on which rows learning changes."""
        self._touched = []

    def touch(self, *rows: np.ndarray) -> None:
        """Learning changed these rows; ABSENT is none."""
        if self._touched is not None:
            self._touched += [
                distinct((part[part != ABSENT] + 1).astype(np.uint64)) for part in rows
            ]

    def touched(self) -> dict[str, np.ndarray]:
        """As ``to_arrays``, only what has changed since ``track`` or the last call."""
        parts, self._touched = self._touched or [], []
        rows = np.unique(np.concatenate([np.empty(0, np.uint64), *parts])).astype(np.int64) - 1
        return {"keys": self.to_arrays()["keys"][rows], "vectors": self.rows[rows]}

    def to_arrays(self) -> dict[str, np.ndarray]:
        """``keys`` (size,) uint64 and ``vectors`` (size, dim + 1) float32."""
        return {"keys": self.vectors.to_arrays()["keys"], "vectors": self.rows}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Replace all by what ``to_arrays`` described."""
        defaults = self.vectors.defaults
        self.vectors = Vectors.from_arrays({**arrays, "defaults": defaults}, defaults.shape)
