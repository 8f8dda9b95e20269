"""Kernels that lay the keys of a batch out as the rows of a CSR matrix.

A *slot* is a column of keys: the S single-valued fields come first, then the M multi-valued ones.
All keys stand in one array ``cells``: slot s < S of n rows holds cells[s * n : s * n + n], a cell a
row; row r of slot S + m holds cells[starts[m, r] : stops[m, r]]. A key of 0 is no value.

A *source* is a feature of the schema: single-valued fields, numbers, multi-valued fields, crosses,
numbered in this order, which is also the order of the keys within a row.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from updates.samples.hashing import NO_KEY, cross_key
from updates.samples.jit import kernel


class Cells(NamedTuple):
    """What a batch holds, as the module says.

    cells (any,) uint64; singles = S; starts, stops (M, n) int64; numbers (N, n) float64, 0 where
    there is none; number_keys (N,) uint64; crosses (C, 2) int64 pairs of slots; cross_seeds (C,)
    uint64.
    """

    cells: np.ndarray
    singles: int
    starts: np.ndarray
    stops: np.ndarray
    numbers: np.ndarray
    number_keys: np.ndarray
    crosses: np.ndarray
    cross_seeds: np.ndarray


@kernel
def lay_out(c: Cells) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row pointers (n + 1,) int64, keys (nnz,) uint64 and values (nnz,) float64 of a batch."""
    indptr = _row_pointers(c)
    n = len(indptr) - 1
    keys = np.empty(indptr[n], np.uint64)
    values = np.ones(indptr[n], np.float64)
    for row in range(n):
        at = _put_singles(c, row, indptr[row], keys)
        at = _put_numbers(c, row, at, keys, values)
        at = _put_lists(c, row, at, keys)
        _put_crosses(c, row, at, keys)
    return indptr, keys, values


@kernel
def locate(
    c: Cells, indptr: np.ndarray, positions: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where the keys at some positions of ``lay_out`` came from.

    Parameters
    ----------
    positions : (p,) int64 indices of keys.

    Returns
    -------
    sources, lefts, rights : (p,) int64. The cell of the value, and for a cross the cells of both
        values; -1 where there is none.
    """
    sources = np.empty(len(positions), np.int64)
    lefts = np.full(len(positions), -1)
    rights = np.full(len(positions), -1)
    rows = np.searchsorted(indptr, positions, side="right") - 1
    for i in range(len(positions)):
        row = rows[i]
        sources[i], lefts[i], rights[i] = _nth(c, row, positions[i] - indptr[row])
    return sources, lefts, rights


@kernel
def by_field(c: Cells) -> tuple[np.ndarray, np.ndarray]:
    """Keys by row and slot, crosses left out: slot s of row r has keys[indptr[r·S + s] : …].

    Returns row pointers (n·S + 1,) int64, S the number of slots, and keys (nnz,) uint64.
    """
    n = c.starts.shape[1]
    slots = c.singles + len(c.starts)
    indptr = np.zeros(n * slots + 1, np.int64)
    keys = np.empty(len(c.cells), np.uint64)
    at = 0
    for row in range(n):
        for slot in range(slots):
            first, last = _extent(c, slot, row)
            for cell in range(first, last):
                if c.cells[cell] != NO_KEY:
                    keys[at] = c.cells[cell]
                    at += 1
            indptr[row * slots + slot + 1] = at
    return indptr, keys[:at].copy()


@kernel
def drop_repeats(starts: np.ndarray, stops: np.ndarray, cells: np.ndarray) -> int:
    """Set to 0 each key met before within its own list, in place; returns how many were.

    starts, stops : (n,) extents of the lists in ``cells``.
    """
    places = 1
    for row in range(len(starts)):
        while places < 2 * (stops[row] - starts[row]):
            places *= 2
    # A hash table of one list at a time: a place is taken when it bears the row's number.
    table = np.empty(places, np.uint64)
    taken_by = np.full(places, -1)
    dropped = 0
    for row in range(len(starts)):
        for cell in range(starts[row], stops[row]):
            place = np.int64(cells[cell] & np.uint64(places - 1))
            while taken_by[place] == row and table[place] != cells[cell]:
                place = (place + 1) & (places - 1)
            if taken_by[place] != row:
                table[place] = cells[cell]
                taken_by[place] = row
            elif cells[cell] != NO_KEY:
                cells[cell] = NO_KEY
                dropped += 1
    return dropped


@kernel
def _row_pointers(c: Cells) -> np.ndarray:
    n = c.starts.shape[1]
    slots = c.singles + len(c.starts)
    counts = np.empty(slots, np.int64)
    indptr = np.zeros(n + 1, np.int64)
    for row in range(n):
        total = 0
        for slot in range(slots):
            counts[slot] = _count(c, slot, row)
            total += counts[slot]
        for field in range(len(c.numbers)):
            total += c.numbers[field, row] != 0
        for cross in range(len(c.crosses)):
            total += counts[c.crosses[cross, 0]] * counts[c.crosses[cross, 1]]
        indptr[row + 1] = indptr[row] + total
    return indptr


@kernel
def _count(c: Cells, slot: int, row: int) -> int:
    first, last = _extent(c, slot, row)
    count = 0
    for cell in range(first, last):
        count += c.cells[cell] != NO_KEY
    return count


@kernel
def _extent(c: Cells, slot: int, row: int) -> tuple[int, int]:
    if slot < c.singles:
        cell = slot * c.starts.shape[1] + row
        return cell, cell + 1
    return c.starts[slot - c.singles, row], c.stops[slot - c.singles, row]


@kernel
def _put_singles(c: Cells, row: int, at: int, keys: np.ndarray) -> int:
    n = c.starts.shape[1]
    for slot in range(c.singles):
        key = c.cells[slot * n + row]
        if key != NO_KEY:
            keys[at] = key
            at += 1
    return at


@kernel
def _put_numbers(c: Cells, row: int, at: int, keys: np.ndarray, values: np.ndarray) -> int:
    for field in range(len(c.numbers)):
        if c.numbers[field, row] != 0:
            keys[at] = c.number_keys[field]
            values[at] = c.numbers[field, row]
            at += 1
    return at


@kernel
def _put_lists(c: Cells, row: int, at: int, keys: np.ndarray) -> int:
    for field in range(len(c.starts)):
        for cell in range(c.starts[field, row], c.stops[field, row]):
            if c.cells[cell] != NO_KEY:
                keys[at] = c.cells[cell]
                at += 1
    return at


@kernel
def _put_crosses(c: Cells, row: int, at: int, keys: np.ndarray) -> int:
    for cross in range(len(c.crosses)):
        first, last = _extent(c, c.crosses[cross, 0], row)
        other_first, other_last = _extent(c, c.crosses[cross, 1], row)
        for a in range(first, last):
            for b in range(other_first, other_last):
                if c.cells[a] != NO_KEY and c.cells[b] != NO_KEY:
                    keys[at] = cross_key(c.cells[a], c.cells[b], c.cross_seeds[cross])
                    at += 1
    return at


@kernel
def _nth(c: Cells, row: int, rank: int) -> tuple[int, int, int]:
    """Source and cells of the key number ``rank`` of a row, counted as ``lay_out`` puts them."""
    for slot in range(c.singles):
        cell = slot * c.starts.shape[1] + row
        if c.cells[cell] != NO_KEY:
            if rank == 0:
                return slot, cell, -1
            rank -= 1
    for field in range(len(c.numbers)):
        if c.numbers[field, row] != 0:
            if rank == 0:
                return c.singles + field, -1, -1
            rank -= 1
    before = c.singles + len(c.numbers)
    for field in range(len(c.starts)):
        count = _count(c, c.singles + field, row)
        if rank < count:
            return before + field, _nth_filled(c, c.singles + field, row, rank), -1
        rank -= count
    cross, left, right = _nth_product(c, row, rank)
    return before + len(c.starts) + cross, left, right


@kernel
def _nth_product(c: Cells, row: int, rank: int) -> tuple[int, int, int]:
    for cross in range(len(c.crosses)):
        left, right = c.crosses[cross]
        width = _count(c, right, row)
        count = _count(c, left, row) * width
        if rank < count:
            a, b = rank // width, rank % width
            return cross, _nth_filled(c, left, row, a), _nth_filled(c, right, row, b)
        rank -= count
    return -1, -1, -1


@kernel
def _nth_filled(c: Cells, slot: int, row: int, rank: int) -> int:
    first, last = _extent(c, slot, row)
    for cell in range(first, last):
        if c.cells[cell] != NO_KEY:
            if rank == 0:
                return cell
            rank -= 1
    return -1
