"""Parameters by 64-bit feature key, in an open-addressing table that grows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from updates.learners.sparse.growth import Ahead, Growth, copied
from updates.learners.sparse.removal import older, take_out
from updates.learners.sparse.slots import (
    ABSENT,
    HOUR_SHIFT,
    KEY,
    NUMBER,
    NUMBER_MASK,
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
AT_ONCE = 1 << 17  # cells of a table that is moved in one go, in some 2 ms
SPARSE_NUMBERS = 4  # numbers given a key from which on sorting takes less memory than counting


class KeyTable:
    """A table from keys (uint64, never 0) to a few float64 each, numbered in order of insertion.

    Kernels insert through ``view`` and report the new size back. The table doubles when half of
    its cells are taken: measured at 10 M keys, learning at a load of 0.6 is a quarter slower than
    at 0.5, as searches run on into the next cache line. So a key takes 64 to 128 bytes with two
    columns, and while keys move 64 more. What is saved does not depend on the capacity, nor on how
    far a move is.

    It grows at once by ``grow``, or piece by piece: ``start_growth``, and from then on ``step``
    with the keys that are to be located next, before they are.

    Parameters
    ----------
    columns : names of the float64 kept per key; an array of a cell is [key, number, *columns].
    capacity : cells to begin with, a power of 2, at least 2.
    """

    def __init__(self, columns: tuple[str, ...], capacity: int = FIRST_CAPACITY) -> None:
        self.columns = columns
        self.size = 0
        self.removed = 0
        self.hour = 0
        self._cells = empty_cells(capacity, STATE + len(columns))
        self._growth: Growth | None = None
        self._ahead: Ahead | None = None

    @property
    def capacity(self) -> int:
        """Cells, taken and empty."""
        return len(self._cells)

    @property
    def nbytes(self) -> int:
        """Bytes of all cells: those that keys are moving away from, and what has been made ready
        for when they will, included."""
        old = self._growth.old.nbytes if self._growth else 0
        ahead = self._ahead.nbytes if self._ahead else 0
        return self._cells.nbytes + old + ahead

    @property
    def limit(self) -> int:
        """Number of keys at which the table must grow."""
        return self.capacity // 2

    @property
    def growing(self) -> bool:
        """Whether keys are on the move."""
        return self._growth is not None

    @property
    def view(self) -> View:
        """What kernels read and write; void after growth, and incomplete while ``growing``."""
        states = self._cells.view(np.float64)
        stamp = np.uint64(self.hour) << HOUR_SHIFT
        return View(self._cells, states, shift_of(self.capacity), self.limit, self.removed, stamp)

    def grow(self) -> None:
        """Double the capacity, at once."""
        self.start_growth()
        self.settle()

    def start_growth(self) -> None:
        """Double the capacity; the keys of a table that is not small follow by ``step``."""
        self.settle()
        ahead = self._ahead or Ahead(self.capacity * 2, self._cells.shape[1])
        self._move_to(ahead.cells)
        if self.capacity <= 2 * AT_ONCE:
            self.settle()

    def _move_to(self, cells: np.ndarray) -> None:
        self._growth = Growth(self._cells, cells, len(cells) // 2 - self.size)
        self._cells, self._ahead = cells, None

    def step(self, keys: np.ndarray) -> None:
        """Move on: afterwards these keys are found in ``view`` if they are here at all."""
        if self._growth:
            self._growth.step(keys)
            if self._growth.over:
                self._growth = None
        elif self.capacity > AT_ONCE and self.size > self.limit * 3 // 4:
            self._ahead = self._ahead or Ahead(self.capacity * 2, self._cells.shape[1])
            self._ahead.step(len(keys))

    def make_room(self, keys: np.ndarray) -> None:
        """Grow, if need be, so that all of these keys may be inserted; ``step`` included."""
        while self.size + len(keys) > self.limit:
            self.start_growth()
            self.step(keys)

    def settle(self) -> None:
        """Move all that is on the move."""
        if self._growth:
            self._growth.finish()
            self._growth = None

    def find(self, keys: np.ndarray) -> np.ndarray:
        """(n,) int64 cells of the keys; ABSENT (-1) for a key that is not in ``view``."""
        found: np.ndarray = find(self._cells, shift_of(self.capacity), keys)
        return found

    def read(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Cells of the keys as float64, and the (n,) int64 row of each, ABSENT if not here.

        Changes nothing, and may be called from several threads.
        """
        slots = self.find(keys)
        if not self._growth:
            return self._cells.view(np.float64), slots
        missing = np.flatnonzero(slots == ABSENT)
        old = self._growth.find_old(keys[missing])
        rows = self._cells[slots]
        rows[missing] = self._growth.old[old]
        known = np.ones(len(keys), np.bool_)
        known[missing[old == ABSENT]] = False
        return rows.view(np.float64), np.where(known, np.arange(len(keys)), ABSENT)

    def put(self, keys: np.ndarray, columns: np.ndarray) -> None:
        """Set the (n, c) columns of (n,) distinct keys, inserting those that are new."""
        room = np.empty(len(keys), np.int64)
        scratch = Scratch(room, room.copy(), np.empty(0))
        self.step(keys)
        inserted, count, fits = room.copy(), 0, False
        while not fits:
            fits, self.size, count = locate(
                self.view, self.size, keys, 0, len(keys), scratch, inserted, count
            )
            if not fits:
                self.start_growth()
                self.step(keys)
        self._cells.view(np.float64)[scratch.slots, STATE:] = columns

    def remove(self, keys: np.ndarray) -> np.ndarray:
        """Take out those of the distinct keys that are here; returns their (m,) int64 numbers."""
        self.step(keys)
        here = keys[self.find(keys) != ABSENT]
        if self._growth:
            self._growth.forget(here)
        numbers: np.ndarray = take_out(self._cells, shift_of(self.capacity), here)
        self.size -= len(here)
        self.removed += len(here)
        self._shrink()
        return numbers

    def _shrink(self) -> None:
        """Halve the capacity of a table an eighth full; the keys follow by ``step``."""
        if not self._growth and self.capacity > FIRST_CAPACITY and self.size * 8 <= self.capacity:
            self._move_to(empty_cells(self.capacity // 2, self._cells.shape[1]))

    def older(self, first: int, last: int, hour: int) -> np.ndarray:
        """(n,) keys with a hash within [first, last] last learned before the hour, in any order."""
        bounds = np.uint64(first), np.uint64(last), np.uint64(hour)
        found: np.ndarray = older(self._cells, shift_of(self.capacity), *bounds)
        if not self._growth:
            return found
        old = self._growth.old
        candidates = older(old, shift_of(len(old)), *bounds)
        unmoved = candidates[
            (self.find(candidates) == ABSENT) & (self._growth.find_old(candidates) != ABSENT)
        ]
        return np.concatenate([found, unmoved])

    def stamp_all(self, hour: int) -> None:
        """Take all keys for learned at this hour."""
        self.settle()
        self._stamp(np.flatnonzero(self._cells[:, KEY]), hour)

    def stamp(self, keys: np.ndarray) -> None:
        """Take these keys, all of which are here, for learned at the table's hour."""
        self.settle()
        self._stamp(self.find(keys), self.hour)

    def _stamp(self, slots: np.ndarray, hour: int) -> None:
        numbers = self._cells[slots, NUMBER] & NUMBER_MASK
        self._cells[slots, NUMBER] = numbers | np.uint64(hour) << HOUR_SHIFT

    def copy(self) -> KeyTable:
        """One that goes its own way from here."""
        table = KeyTable(self.columns, 2)
        table.size, table.removed, table.hour = self.size, self.removed, self.hour
        if self._growth:
            table._growth = self._growth.copy()
            table._cells = table._growth.new
        else:
            table._cells = copied(self._cells)
        return table

    def in_order(self) -> np.ndarray:
        """(size,) int64 cells in the order of insertion."""
        self.settle()
        given = self.size + self.removed
        if given <= SPARSE_NUMBERS * self.size:
            return in_order(self._cells, self.size, given)
        taken = np.flatnonzero(self._cells[:, KEY])
        return taken[np.argsort(self._cells[taken, NUMBER] & NUMBER_MASK)]

    def places(self, keys: np.ndarray) -> np.ndarray:
        """(n,) int64 places in the order of insertion of keys that are all there."""
        ordered = self.view.cells[self.in_order(), KEY]
        by_key = np.argsort(ordered)
        found: np.ndarray = by_key[np.searchsorted(ordered, keys, sorter=by_key)]
        return found

    def hours(self) -> np.ndarray:
        """(size,) uint32 hours at which keys were last learned, in the order of insertion."""
        slots = self.in_order()
        return np.asarray(self._cells[slots, NUMBER] >> HOUR_SHIFT, np.uint32)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """``keys`` (size,) uint64 and each column (size,) float64, in the order of insertion."""
        slots, view = self.in_order(), self.view
        columns = {name: view.states[slots, STATE + i] for i, name in enumerate(self.columns)}
        return {"keys": view.cells[slots, KEY], **columns}

    @classmethod
    def from_arrays(
        cls,
        columns: tuple[str, ...],
        arrays: Mapping[str, np.ndarray],
        hours: np.ndarray | None = None,
    ) -> KeyTable:
        """The table that ``to_arrays`` described. Raises KeyError if a column is missing."""
        size = len(arrays["keys"])
        table = cls(columns, max(FIRST_CAPACITY, 1 << (2 * size - 1).bit_length()))
        rows = np.empty((size, STATE + len(columns)), np.uint64)
        rows[:, KEY], rows[:, NUMBER] = arrays["keys"], np.arange(size)
        if hours is not None:
            rows[:, NUMBER] |= hours.astype(np.uint64) << HOUR_SHIFT
        for i, name in enumerate(columns):
            rows[:, STATE + i] = arrays[name].view(np.uint64)
        place(table._cells, shift_of(table.capacity), rows)
        table.size = size
        return table
