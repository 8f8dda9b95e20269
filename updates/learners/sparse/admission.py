"""Which new keys get a cell in the table (McMahan et al., KDD 2013, §3.1 of the memory savings).

Most features of a stream come once or twice and never again. Two ways to leave them out, which
may be combined: by count, a key is admitted once it has been met more than ``after`` times; by
chance, with ``probability`` each time it is met. A key that is not admitted is as if it were not
in its row.

Occurrences are counted in a count-min sketch of saturating 8-bit counters, with conservative
update (Estan & Varghese, 2002): of the four counters of a key, only the smallest are raised. All
four are within one cache line (as in blocked Bloom filters: Putze, Sanders & Singler, 2007). A
sketch that is full is put aside for a fresh one and still asked; the one put aside before is
dropped. So counts are never too small within the last GENERATION rare keys, and seldom too large.

Chance is a hash of the key and the number of the row, so that learning again decides alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from updates.learners.sparse.algorithm import Rows
from updates.learners.sparse.slots import ABSENT, EMPTY, KEY, NUMBER, View, home
from updates.learners.sparse.table import KeyTable
from updates.samples.jit import kernel

LINES = 1 << 17  # of 64 counters: 8 MiB
GENERATION = 1 << 20  # distinct keys counted in one sketch: 8 bytes each
COUNTERS = 4
MOST = 255  # where a counter stays
REGISTERS = 1 << 12
ROWS, KEYS, PRESENT = 0, 1, 2  # totals: rows so far, keys counted in the sketch in use, which it is


class Sketch(NamedTuple):
    """What kernels see.

    counts : (2, counters) uint8; registers : (REGISTERS,) uint8 of a HyperLogLog of all keys that
    had to be admitted; totals : (3,) int64.
    """

    counts: np.ndarray
    registers: np.ndarray
    totals: np.ndarray


class Admission:
    """Decides which keys of a stream get into a table.

    Parameters
    ----------
    after : occurrences that a key needs before the one that admits it, 0 to 250.
    probability : chance of each occurrence after those, within (0, 1].
    """

    def __init__(self, after: int, probability: float) -> None:
        self.after = after
        self.probability = probability
        self._sketch = Sketch(
            np.zeros((2, 64 * LINES if after else 0), np.uint8),
            np.zeros(REGISTERS, np.uint8),
            np.zeros(3, np.int64),
        )

    @property
    def seen(self) -> int:
        """Distinct keys met so far, estimated: HyperLogLog (Flajolet et al., 2007), some 2 %."""
        registers = self._sketch.registers
        empty = int(np.count_nonzero(registers == 0))
        if empty:
            linear = REGISTERS * math.log(REGISTERS / empty)
            if linear <= 2.5 * REGISTERS:
                return round(linear)
        bias = 0.7213 / (1 + 1.079 / REGISTERS)
        return round(bias * REGISTERS**2 / float(np.exp2(-registers.astype(np.float64)).sum()))

    def filter(self, table: KeyTable, rows: Rows) -> tuple[Rows, np.ndarray]:
        """Insert the keys that are admitted, row by row, and leave out those that are not.

        Returns the rows with the keys that are in the table, and the positions of the inserted
        ones in ``rows.keys``, in the order of insertion.
        """
        keys = rows.keys[rows.indptr[0] : rows.indptr[-1]]
        table.make_room(keys)
        kept, values = np.empty(len(keys), np.uint64), np.empty(len(keys))
        inserted = np.empty(len(keys), np.int64)
        indptr = np.zeros(len(rows.indptr), np.int64)
        table.size, count = _admit(
            table.view,
            table.size,
            rows.indptr,
            rows.keys,
            rows.values,
            table.find(keys),
            self._sketch,
            self.after,
            self.probability,
            indptr,
            kept,
            values,
            inserted,
        )
        there = rows._replace(indptr=indptr, keys=kept[: indptr[-1]], values=values[: indptr[-1]])
        return there, inserted[:count]

    def register(self, keys: np.ndarray) -> None:
        """Have (n,) keys that are admitted without being asked for counted among those seen."""
        _register_all(self._sketch.registers, keys)

    def copy(self) -> Admission:
        """One that goes its own way from here."""
        admission = Admission(0, self.probability)
        admission.after = self.after
        admission._sketch = Sketch(*(array.copy() for array in self._sketch))
        return admission

    def to_arrays(self) -> dict[str, np.ndarray]:
        """``registers``, ``totals``, and of the sketches the counters above 0: where, how many."""
        counts = self._sketch.counts.reshape(-1)
        counted = np.flatnonzero(counts)
        return {
            "registers": self._sketch.registers,
            "totals": self._sketch.totals,
            "counted": counted.astype(np.uint32),
            "counts": counts[counted],
        }

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over what ``to_arrays`` gave; without it nothing has been counted."""
        if "totals" in arrays:
            self._sketch.registers[:] = arrays["registers"]
            self._sketch.totals[:] = arrays["totals"]
            if self.after:
                self._sketch.counts.reshape(-1)[arrays["counted"]] = arrays["counts"]


@kernel
def mixed(value: np.uint64) -> np.uint64:
    """A hash of 64 bits (the finaliser of SplitMix64: Steele, Lea & Flood, 2014)."""
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


@kernel
def chance(key: np.uint64, row: int) -> float:
    """A number from 0 on and below 1, the same for the same key and row."""
    bits = mixed(key ^ mixed(np.uint64(row + 1)))
    return np.float64(bits >> np.uint64(11)) * 2.0**-53


@kernel
def smallest(counts: np.ndarray, digest: np.uint64) -> int:
    """The smallest of a key's counters."""
    line = np.int64(digest >> np.uint64(47)) * 64
    least = MOST
    for i in range(COUNTERS):
        least = min(least, counts[line + np.int64((digest >> np.uint64(6 * i)) & np.uint64(63))])
    return least


@kernel
def count_once(sketch: Sketch, digest: np.uint64) -> int:
    """Count an occurrence; returns how many were counted before."""
    counts, _, totals = sketch
    present = totals[PRESENT]
    least = smallest(counts[present], digest)
    before = least + smallest(counts[1 - present], digest)
    line = np.int64(digest >> np.uint64(47)) * 64
    if least < MOST:
        for i in range(COUNTERS):
            at = line + np.int64((digest >> np.uint64(6 * i)) & np.uint64(63))
            if counts[present, at] == least:
                counts[present, at] += 1
    totals[KEYS] += least == 0
    if totals[KEYS] == GENERATION:
        totals[PRESENT], totals[KEYS] = 1 - present, 0
        counts[1 - present] = 0
    return before


@kernel
def register(registers: np.ndarray, digest: np.uint64) -> None:
    """Tell the HyperLogLog of a key."""
    bits = mixed(digest)
    at = np.int64(bits & np.uint64(REGISTERS - 1))
    rest = bits >> np.uint64(12)
    rank = 1
    while rest & np.uint64(1) == 0 and rank < 53:
        rest >>= np.uint64(1)
        rank += 1
    registers[at] = max(registers[at], rank)


@kernel
def _register_all(registers: np.ndarray, keys: np.ndarray) -> None:
    for key in keys:
        register(registers, mixed(key))


@kernel
def _admit(  # noqa: PLR0917
    view: View,
    size: int,
    indptr: np.ndarray,
    keys: np.ndarray,
    values: np.ndarray,
    slots: np.ndarray,
    sketch: Sketch,
    after: int,
    probability: float,
    kept_indptr: np.ndarray,
    kept: np.ndarray,
    kept_values: np.ndarray,
    inserted: np.ndarray,
) -> tuple[int, int]:
    """Fill the last four arrays, see ``Admission.filter``; returns the size and a count.

    slots : cells of the keys from ``keys[indptr[0]]`` on, as far as they were in the table.
    """
    cells, mask = view.cells, view.cells.shape[0] - 1
    count, left = 0, 0
    for row in range(indptr.shape[0] - 1):
        for j in range(indptr[row], indptr[row + 1]):
            there = slots[j - indptr[0]] != ABSENT
            if not there:
                key = keys[j]
                slot = home(key, view.shift)
                while cells[slot, KEY] != EMPTY and cells[slot, KEY] != key:
                    slot = (slot + 1) & mask
                there = cells[slot, KEY] == key
                if not there:
                    digest = mixed(key)
                    register(sketch.registers, digest)
                    there = after == 0 or count_once(sketch, digest) >= after
                    there = there and (
                        probability == 1.0 or chance(key, sketch.totals[ROWS]) < probability
                    )
                    if there:
                        cells[slot, KEY] = key
                        cells[slot, NUMBER] = np.uint64(size + view.removed)
                        inserted[count] = j
                        size += 1
                        count += 1
            if there:
                kept[left] = keys[j]
                kept_values[left] = values[j]
                left += 1
        kept_indptr[row + 1] = left
        sketch.totals[ROWS] += 1
    return size, count
