"""Open addressing with linear probing: where in the cells of a table a 64-bit key lives.

A cell is one row of a uint64 array, its first column the key; 0 marks an empty cell and is no key.
The home of a key is given by the high bits of its product with the golden ratio (Knuth, The Art of
Computer Programming, vol. 3, §6.4), so that twice the capacity keeps the order of the cells.
"""

from __future__ import annotations

import numpy as np

from updates.learners.sparse.compiled import compiled

EMPTY = np.uint64(0)
GOLDEN_RATIO = np.uint64(0x9E3779B97F4A7C15)
CACHE_LINE_BYTES = 64
BLOCK = 256  # keys looked up together; their cache lines fit the first-level cache


def empty_cells(capacity: int, width: int) -> np.ndarray:
    """(capacity, width) zeros, uint64, aligned so that a cell of 32 bytes is in one cache line."""
    spare = CACHE_LINE_BYTES // 8
    memory = np.zeros(capacity * width + spare, dtype=np.uint64)
    start = -memory.ctypes.data % CACHE_LINE_BYTES // 8
    return memory[start : start + capacity * width].reshape(capacity, width)


def shift_of(capacity: int) -> np.uint64:
    """Bits to drop of a 64-bit hash to get a cell of a table with ``capacity`` (a power of 2)."""
    return np.uint64(64 - (capacity.bit_length() - 1))


@compiled
def home(key, shift):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    return np.int64((key * GOLDEN_RATIO) >> shift)


@compiled
def touch(cells: np.ndarray, shift: np.uint64, keys: np.ndarray, start: int, stop: int, slots: np.ndarray) -> None:
    """Write the home of each key to ``slots`` and read it, so that its cache line is on its way.

    The reads depend on nothing, so that the processor has many misses under way at once; probing
    alone would wait for one after another. What was read is kept in the spare last element, as
    unused reads would be optimised away.
    """
    read = EMPTY
    for j in range(start, stop):
        slot = home(keys[j], shift)
        slots[j - start] = slot
        read ^= cells[slot, 0]
    slots[stop - start] = np.int64(read)


@compiled
def locate(cells, shift, limit, size, keys, start, stop, slots, inserted, count):
    """Find or insert keys[start:stop] → slots; returns (whether all fit, size, count).

    An inserted key gets the next number (``size``) in column 1, its position j in ``inserted``.
    Stops where one more key would exceed ``limit``; calling again after growth continues.
    """
    mask = cells.shape[0] - 1
    touch(cells, shift, keys, start, stop, slots)
    for j in range(start, stop):
        key = keys[j]
        slot = slots[j - start]
        while cells[slot, 0] != key:
            if cells[slot, 0] == EMPTY:
                if size == limit:
                    return False, size, count
                cells[slot, 0] = key
                cells[slot, 1] = np.uint64(size)
                inserted[count] = j
                size += 1
                count += 1
                break
            slot = (slot + 1) & mask
        slots[j - start] = slot
    return True, size, count
