"""Open addressing with linear probing: in which cell of a table a 64-bit key lives.

A cell is one row of a uint64 array: KEY (0 marks an empty cell and is no key), NUMBER (how many
keys were inserted before it, in the low 40 bits; above them, where keys expire, the hour of event
time at which the key was last learned), then what an algorithm keeps per key, seen as float64
through a view. The home of a key is given by the high bits of its product with the golden ratio
(Knuth, The Art of Computer Programming, vol. 3, §6.4): a doubled table keeps the order of its
cells, so that growing reads and writes memory in sequence.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from updates.samples.jit import kernel

KEY, NUMBER, STATE = 0, 1, 2
EMPTY = np.uint64(0)
ABSENT = -1
HOUR_SHIFT = np.uint64(40)
NUMBER_MASK = np.uint64((1 << 40) - 1)
GOLDEN_RATIO = np.uint64(0x9E3779B97F4A7C15)
CACHE_LINE_BYTES = 64
BLOCK = 256  # keys looked up together: their cache lines fit the first-level cache


class View(NamedTuple):
    """What kernels see of a table: cells (capacity, width), ``states`` the same memory as float64.

    shift : bits to drop of a 64-bit hash; limit : number of keys at which the table must grow.
    removed : keys that were inserted and are gone, so that numbers go on after theirs.
    stamp : what to write into the high bits of the NUMBER of each key located; 0 writes nothing.
    """

    cells: np.ndarray
    states: np.ndarray
    shift: np.uint64
    limit: int
    removed: int
    stamp: np.uint64


class Scratch(NamedTuple):
    """Working memory of a kernel, as long as the longest block of keys it looks up together.

    slots : cell of each key; away : keys not in their home; weights : weight of each key.
    """

    slots: np.ndarray
    away: np.ndarray
    weights: np.ndarray


def empty_cells(capacity: int, width: int) -> np.ndarray:
    """(capacity, width) zeros, uint64, aligned so that a cell of 32 bytes is in one cache line."""
    spare = CACHE_LINE_BYTES // 8
    memory = np.zeros(capacity * width + spare, dtype=np.uint64)
    start = -memory.ctypes.data % CACHE_LINE_BYTES // 8
    return memory[start : start + capacity * width].reshape(capacity, width)


def shift_of(capacity: int) -> np.uint64:
    """Bits to drop of a 64-bit hash to get a cell of ``capacity`` cells (a power of 2, >= 2)."""
    return np.uint64(64 - (capacity.bit_length() - 1))


def scratch_for(indptr: np.ndarray) -> Scratch:
    """Scratch that suffices for rows of these lengths."""
    longest = max(BLOCK, int(np.diff(indptr).max(initial=0)))
    return Scratch(
        np.empty(longest, np.int64), np.empty(longest, np.int64), np.empty(longest, np.float64)
    )


@kernel
def home(key: np.uint64, shift: np.uint64) -> int:
    """The cell where the search for a key starts."""
    return np.int64((key * GOLDEN_RATIO) >> shift)  # type: ignore[return-value]


@kernel
def block_end(indptr: np.ndarray, row: int) -> int:
    """One past the last row of the block from ``row`` on: up to BLOCK keys, at least a row."""
    end = row + 1
    while end < indptr.shape[0] - 1 and indptr[end + 1] - indptr[row] <= BLOCK:
        end += 1
    return end


@kernel
def locate(  # noqa: PLR0917
    view: View,
    size: int,
    keys: np.ndarray,
    start: int,
    stop: int,
    scratch: Scratch,
    inserted: np.ndarray,
    count: int,
) -> tuple[bool, int, int]:
    """Find or insert keys[start:stop]; their cells go to ``scratch.slots``.

    An inserted key gets the next number, its position goes to ``inserted[count]``. Returns whether
    all fit, the new ``size`` and the new ``count``. Where one more key would exceed the limit it
    stops; called again with the same keys after growth, it goes on as if nothing had happened.

    The first loop reads all homes without a branch on what it read, so that the processor waits
    for many cache misses at once; only keys not at home are then searched one by one.
    """
    cells, mask = view.cells, view.cells.shape[0] - 1
    away, slots = scratch.away, scratch.slots
    misses = 0
    for j in range(start, stop):
        slot = home(keys[j], view.shift)
        slots[j - start] = slot
        away[misses] = j
        misses += cells[slot, KEY] != keys[j]
    for j in away[:misses]:
        slot = slots[j - start]
        while cells[slot, KEY] != keys[j]:
            if cells[slot, KEY] == EMPTY:
                if size == view.limit:
                    return False, size, count
                cells[slot, KEY] = keys[j]
                cells[slot, NUMBER] = np.uint64(size + view.removed)
                inserted[count] = j
                size += 1
                count += 1
                break
            slot = (slot + 1) & mask
        slots[j - start] = slot
    if view.stamp != EMPTY:
        for slot in slots[: stop - start]:
            cells[slot, NUMBER] = (cells[slot, NUMBER] & NUMBER_MASK) | view.stamp
    return True, size, count


@kernel
def distinct(keys: np.ndarray) -> np.ndarray:
    """The keys, none of which may be 0, each once, in the order of their first occurrence."""
    capacity, bits = 2, 1
    while capacity < 2 * keys.shape[0]:
        capacity *= 2
        bits += 1
    shift = np.uint64(64 - bits)
    met = np.zeros(capacity, np.uint64)
    found = np.empty(keys.shape[0], np.uint64)
    count = 0
    for key in keys:
        slot = home(key, shift)
        while met[slot] != EMPTY and met[slot] != key:
            slot = (slot + 1) & (capacity - 1)
        if met[slot] == EMPTY:
            met[slot] = key
            found[count] = key
            count += 1
    return found[:count].copy()


@kernel
def find(cells: np.ndarray, shift: np.uint64, keys: np.ndarray) -> np.ndarray:
    """(n,) int64 cells of the keys, ABSENT where a key is not in the table."""
    mask = cells.shape[0] - 1
    slots = np.empty(keys.shape[0], np.int64)
    away = np.empty(keys.shape[0], np.int64)
    misses = 0
    for j in range(keys.shape[0]):
        slots[j] = home(keys[j], shift)
        away[misses] = j
        misses += cells[slots[j], KEY] != keys[j]
    for j in away[:misses]:
        slot = slots[j]
        while cells[slot, KEY] != keys[j] and cells[slot, KEY] != EMPTY:
            slot = (slot + 1) & mask
        slots[j] = slot if cells[slot, KEY] == keys[j] else ABSENT
    return slots


@kernel
def place(cells: np.ndarray, shift: np.uint64, rows: np.ndarray) -> None:
    """Copy the non-empty rows, whose keys are distinct, into the cells."""
    mask = cells.shape[0] - 1
    for i in range(rows.shape[0]):
        if rows[i, KEY] != EMPTY:
            slot = home(rows[i, KEY], shift)
            while cells[slot, KEY] != EMPTY:
                slot = (slot + 1) & mask
            for column in range(rows.shape[1]):
                cells[slot, column] = rows[i, column]


@kernel
def in_order(cells: np.ndarray, size: int, given: int) -> np.ndarray:
    """(size,) int64 cells of the keys in the order of their insertion.

    given : keys ever inserted, >= size.
    """
    slots = np.full(given, ABSENT, np.int64)
    for slot in range(cells.shape[0]):
        if cells[slot, KEY] != EMPTY:
            slots[np.int64(cells[slot, NUMBER] & NUMBER_MASK)] = slot
    return slots if size == given else slots[slots != ABSENT]
