"""Taking keys out of a table again, without marks left behind."""

from __future__ import annotations

import numpy as np

from updates.learners.sparse.slots import (
    EMPTY,
    GOLDEN_RATIO,
    HOUR_SHIFT,
    KEY,
    NUMBER,
    NUMBER_MASK,
    home,
)
from updates.samples.jit import kernel


@kernel
def older(
    cells: np.ndarray, shift: np.uint64, first: np.uint64, last: np.uint64, hour: np.uint64
) -> np.ndarray:
    """Keys with a hash within [first, last] that were last learned before the hour.

    Cells are in the order of hashes, but for keys that found their home taken: the search goes on
    to the end of the run of cells that the last hash may have been pushed along.
    """
    mask = cells.shape[0] - 1
    start, stop = np.int64(first >> shift), np.int64(last >> shift)
    found = np.empty(16, np.uint64)
    count = 0
    i = start
    while i <= stop or (cells[i & mask, KEY] != EMPTY and i - start <= mask):
        key, number = cells[i & mask, KEY], cells[i & mask, NUMBER]
        if key != EMPTY and first <= key * GOLDEN_RATIO <= last and number >> HOUR_SHIFT < hour:
            if count == found.shape[0]:
                wider = np.empty(2 * count, np.uint64)
                wider[:count] = found
                found = wider
            found[count] = key
            count += 1
        i += 1
    return found[:count].copy()


@kernel
def take_out(cells: np.ndarray, shift: np.uint64, keys: np.ndarray) -> np.ndarray:
    """Remove the keys, each of which is there; returns their (n,) int64 numbers.

    The gap is closed by moving up what it would cut off from its home (Knuth, The Art of Computer
    Programming, vol. 3, §6.4, Algorithm R): searches are as long as if the key had never been.
    """
    mask = cells.shape[0] - 1
    numbers = np.empty(keys.shape[0], np.int64)
    for j in range(keys.shape[0]):
        gap = home(keys[j], shift)
        while cells[gap, KEY] != keys[j]:
            gap = (gap + 1) & mask
        numbers[j] = np.int64(cells[gap, NUMBER] & NUMBER_MASK)
        i = (gap + 1) & mask
        while cells[i, KEY] != EMPTY:
            if (i - home(cells[i, KEY], shift)) & mask >= (i - gap) & mask:
                cells[gap] = cells[i]
                gap = i
            i = (i + 1) & mask
        cells[gap] = EMPTY
    return numbers
