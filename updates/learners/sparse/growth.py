"""Moving a table to an array of another size, a few cells at a time, while it is used.

The old array is swept from its first cell on; besides, keys about to be learned are brought over
before they are. What has been brought stays in the old array too, and is void there: searches look
into the new one first. A cell that is swept costs one search in the new array, which has to look
for the place of the key anyway.
"""

from __future__ import annotations

import numpy as np

from updates.learners.sparse.slots import (
    ABSENT,
    EMPTY,
    KEY,
    NUMBER,
    empty_cells,
    find,
    home,
    shift_of,
)
from updates.samples.jit import kernel

GONE = np.uint64(2**64 - 1)  # NUMBER of a key in an old array that was removed from the table
PAGE_BYTES = 4096
PAGES_AHEAD = 4  # keys learned for each page made ready


class Growth:
    """The move of all keys from ``old`` to ``new`` cells.

    It is over before ``new`` is full, as long as ``step`` is told of all keys that may be new.

    Parameters
    ----------
    room : keys that may be inserted until ``new`` is full.
    """

    def __init__(self, old: np.ndarray, new: np.ndarray, room: int) -> None:
        self.old = old
        self.new = new
        self.swept = 0
        self._cells_a_key = -(-2 * len(old) // room)

    @property
    def over(self) -> bool:
        """Whether the old array is void."""
        return self.swept >= len(self.old)

    def step(self, keys: np.ndarray) -> None:
        """Bring these keys over, and as many others as that pays for."""
        stop = min(len(self.old), self.swept + self._cells_a_key * len(keys))
        shift = shift_of(len(self.new))
        bring_cells(self.old, self.new, shift, self.swept, stop)
        self.swept = stop
        if not self.over:
            bring_keys(self.old, shift_of(len(self.old)), self.new, shift, keys)

    def finish(self) -> None:
        """Move all that is left."""
        bring_cells(self.old, self.new, shift_of(len(self.new)), self.swept, len(self.old))
        self.swept = len(self.old)

    def find_old(self, keys: np.ndarray) -> np.ndarray:
        """(n,) int64 cells of keys in the old array; ABSENT for those not there, or removed."""
        slots = find(self.old, shift_of(len(self.old)), keys)
        gone = (slots != ABSENT) & (self.old[slots, NUMBER] == GONE)
        return np.where(gone, ABSENT, slots)

    def forget(self, keys: np.ndarray) -> None:
        """Never bring these keys over: they have been removed."""
        slots = self.find_old(keys)
        self.old[slots[slots != ABSENT], NUMBER] = GONE

    def copy(self) -> Growth:
        """One that goes its own way from here."""
        twin = Growth.__new__(Growth)
        twin.old, twin.new = self.old.copy(), copied(self.new)
        twin.swept, twin._cells_a_key = self.swept, self._cells_a_key
        return twin


class Ahead:
    """The next array, its memory asked of the system a few pages at a time.

    Fresh memory is handed out when it is first written, a page each time: without this, learning
    would wait for one page after the other as soon as keys move into the new array.
    """

    def __init__(self, capacity: int, width: int) -> None:
        self.cells = empty_cells(capacity, width)
        self._ready = 0

    @property
    def nbytes(self) -> int:
        """Bytes made ready so far."""
        return self.cells[: self._ready].nbytes

    def step(self, keys: int) -> None:
        """Make ready what so many keys pay for."""
        rows = PAGE_BYTES // (8 * self.cells.shape[1])
        stop = min(len(self.cells), self._ready + rows * (1 + keys // PAGES_AHEAD))
        self.cells[self._ready : stop : rows, KEY] = EMPTY
        self._ready = stop


def copied(cells: np.ndarray) -> np.ndarray:
    """The same cells elsewhere, aligned."""
    twin = empty_cells(*cells.shape)
    twin[:] = cells
    return twin


@kernel
def bring(row: np.ndarray, new: np.ndarray, shift: np.uint64) -> None:
    """Copy a cell to where the new array has its key, unless it has it already."""
    mask = new.shape[0] - 1
    slot = home(row[KEY], shift)
    while new[slot, KEY] != EMPTY:
        if new[slot, KEY] == row[KEY]:
            return
        slot = (slot + 1) & mask
    for column in range(row.shape[0]):
        new[slot, column] = row[column]


@kernel
def bring_cells(old: np.ndarray, new: np.ndarray, shift: np.uint64, start: int, stop: int) -> None:
    """Bring what is in the cells old[start:stop]."""
    for i in range(start, stop):
        if old[i, KEY] != EMPTY and old[i, NUMBER] != GONE:
            bring(old[i], new, shift)


@kernel
def bring_keys(
    old: np.ndarray, old_shift: np.uint64, new: np.ndarray, shift: np.uint64, keys: np.ndarray
) -> None:
    """Bring those of the keys that are in the old array."""
    slots = find(old, old_shift, keys)
    for slot in slots:
        if slot != ABSENT and old[slot, NUMBER] != GONE:
            bring(old[slot], new, shift)
