"""Parameters by 64-bit feature key, in an open-addressing table that grows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from updates.learners.sparse.slots import (
    KEY,
    NUMBER,
    STATE,
    Scratch,
    View,
    empty_cells,
    find,
    in_order,
    locate,
    place,
    shift_of,
)

FIRST_CAPACITY = 1024


class KeyTable:
    """A table from keys (uint64, never 0) to a few float64 each, numbered in order of insertion.

    Kernels insert through ``view`` and report the new size back. The table doubles when half of
    its cells are taken: measured at 10 M keys, learning at a load of 0.6 is a quarter slower than
    at 0.5, as searches run on into the next cache line. So a key takes 64 to 128 bytes with two
    columns. What is saved does not depend on the capacity.

    Parameters
    ----------
    columns : names of the float64 kept per key; an array of a cell is [key, number, *columns].
    capacity : cells to begin with, a power of 2, at least 2.
    """

    def __init__(self, columns: tuple[str, ...], capacity: int = FIRST_CAPACITY) -> None:
        self.columns = columns
        self.size = 0
        self._cells = empty_cells(capacity, STATE + len(columns))

    @property
    def capacity(self) -> int:
        """Cells, taken and empty."""
        return len(self._cells)

    @property
    def nbytes(self) -> int:
        """Bytes of all cells."""
        return self._cells.nbytes

    @property
    def view(self) -> View:
        """What kernels read and write; void after ``grow``."""
        states = self._cells.view(np.float64)
        return View(self._cells, states, shift_of(self.capacity), self.capacity // 2)

    def grow(self) -> None:
        """Double the capacity."""
        cells = empty_cells(self.capacity * 2, self._cells.shape[1])
        place(cells, shift_of(cells.shape[0]), self._cells)
        self._cells = cells

    def find(self, keys: np.ndarray) -> np.ndarray:
        """(n,) int64 cells of the keys; ABSENT (-1) for a key that is not here."""
        found: np.ndarray = find(self._cells, shift_of(self.capacity), keys)
        return found

    def column(self, name: str) -> np.ndarray:
        """(capacity,) float64 of that name, by cell; void after growth."""
        return self.view.states[:, STATE + self.columns.index(name)]

    def put(self, keys: np.ndarray, columns: np.ndarray) -> None:
        """Set the (n, c) columns of (n,) distinct keys, inserting those that are new."""
        room = np.empty(len(keys), np.int64)
        scratch = Scratch(room, room.copy(), np.empty(0))
        inserted, count = room.copy(), 0
        fits = False
        while not fits:
            fits, self.size, count = locate(
                self.view, self.size, keys, 0, len(keys), scratch, inserted, count
            )
            if not fits:
                self.grow()
        self.view.states[scratch.slots, STATE:] = columns

    def copy(self) -> KeyTable:
        """One that goes its own way from here."""
        table = KeyTable(self.columns, self.capacity)
        table._cells[:] = self._cells
        table.size = self.size
        return table

    def in_order(self) -> np.ndarray:
        """(size,) int64 cells in the order of insertion."""
        slots: np.ndarray = in_order(self._cells, self.size)
        return slots

    def to_arrays(self) -> dict[str, np.ndarray]:
        """``keys`` (size,) uint64 and each column (size,) float64, in the order of insertion."""
        slots, view = self.in_order(), self.view
        columns = {name: view.states[slots, STATE + i] for i, name in enumerate(self.columns)}
        return {"keys": view.cells[slots, KEY], **columns}

    @classmethod
    def from_arrays(cls, columns: tuple[str, ...], arrays: Mapping[str, np.ndarray]) -> KeyTable:
        """The table that ``to_arrays`` described. Raises KeyError if a column is missing."""
        size = len(arrays["keys"])
        table = cls(columns, max(FIRST_CAPACITY, 1 << (2 * size - 1).bit_length()))
        rows = np.empty((size, STATE + len(columns)), np.uint64)
        rows[:, KEY], rows[:, NUMBER] = arrays["keys"], np.arange(size)
        for i, name in enumerate(columns):
            rows[:, STATE + i] = arrays[name].view(np.uint64)
        place(table._cells, shift_of(table.capacity), rows)
        table.size = size
        return table
