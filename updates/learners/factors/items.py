"""The component ``items``: vectors, what their learning needs, names, and whose space it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from hashlib import sha256

import numpy as np
import pyarrow as pa

from updates.learners.factors.files import as_array, as_text
from updates.learners.factors.loops import SCALE, first_items
from updates.learners.factors.side import Side
from updates.learners.sparse.names import Names
from updates.learners.wide_deep.vectors import grown

FIRST_SQUARES = 0.01  # bounds the first steps of Adagrad
ID_LETTERS = 16


class Items:
    """A vector, a bias and a name for each item, and the numbers shared by all.

    space_id : see ``Factors``; "" before anything is learned. shared : (4,) float64 as in
    ``loops.Parameters``. squares : (rows, 2) float32, Adagrad's sums.
    """

    def __init__(self, width: int, seed: int) -> None:
        self.side = Side(width)
        self.squares = np.empty((0, 2), np.float32)
        self.shared = np.array([0.0, 1.0, 0.0, 1.0])
        self.shared[SCALE] = 1.0
        self.space_id = ""
        self._width, self._seed = width, seed
        self._names, self._texts = Names(), pa.array([], pa.large_string())
        self._told = 0

    def copy(self) -> Items:
        """One that goes its own way from here; what is tracked stays with this one."""
        items = copy(self)
        items.side, items._names = self.side.copy(), self._names.copy()
        items.squares, items.shared = self.squares.copy(), self.shared.copy()
        return items

    @property
    def names(self) -> pa.LargeStringArray:
        """(size,) ids of the items, by row."""
        if len(self._texts) != len(self._names):
            self._texts = self._names.take(np.arange(len(self._names)))[1]
        return self._texts

    def add(self, field: str, keys: np.ndarray, names: pa.StringArray) -> None:
        """Give (n,) distinct keys that have none their first vectors."""
        self.side.vectors.add(keys, first_items(keys, self._width, self._seed))
        self._names.append(pa.array([field] * len(names), pa.string()), names)
        begun = len(self.squares)
        self.squares = grown(self.squares, len(self.side.vectors.values))
        self.squares[begun:] = FIRST_SQUARES

    def name_by_beginning(self, settings: Sequence[tuple[str, object]], first: bytes) -> None:
        """Name the space by how it is learned and its first sample."""
        self.space_id = sha256(repr(settings).encode() + first).hexdigest()[:ID_LETTERS]

    def name_by_vectors(self) -> None:
        """Name the space by where its items lie."""
        digest = sha256(repr(self._width).encode())
        for array in self.side.to_arrays().values():
            digest.update(np.ascontiguousarray(array).data)
        self.space_id = digest.hexdigest()[:ID_LETTERS] if self.side.size else ""

    def track(self) -> None:
        """Remember from now on what learning changes."""
        self.side.track()
        self._told = self.side.size

    def touched(self) -> dict[str, np.ndarray]:
        """What has changed since ``track`` or the last call; ``told`` : items named before."""
        told, self._told = self._told, self.side.size
        names = Names()
        fields, values = self._names.take(np.arange(told, self.side.size))
        names.append(fields, values.cast(pa.string()))
        changed = {**self.side.touched(), **names.to_arrays(), "shared": self.shared}
        return {**changed, "space": as_array(self.space_id), "told": np.array([told])}

    def apply(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Bring these to where ``touched`` was called."""
        known = self.side.size - int(arrays["told"][0])
        fresh = Names.from_arrays(arrays)
        fields, values = fresh.take(np.arange(max(known, 0), len(fresh)))
        self.side.vectors.put(arrays["keys"], arrays["vectors"])
        self._names.append(fields, values.cast(pa.string()))
        self.shared, self.space_id = arrays["shared"].copy(), as_text(arrays["space"])

    def to_arrays(self) -> dict[str, np.ndarray]:
        """What serves."""
        return {**self.side.to_arrays(), **self._names.to_arrays(), "shared": self.shared}

    def restore(self, arrays: Mapping[str, np.ndarray], space_id: str) -> None:
        """Replace all that serves by what ``to_arrays`` described."""
        self.side.restore(arrays)
        self._names, self.shared = Names.from_arrays(arrays), arrays["shared"].copy()
        self.space_id = space_id

    def restore_squares(self, squares: np.ndarray) -> None:
        """Replace Adagrad's sums of the items there are."""
        self.squares = grown(squares, len(self.side.vectors.values))
        self.squares[len(squares) :] = FIRST_SQUARES
