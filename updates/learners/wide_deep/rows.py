"""Rows of the deep part: the keys of each field, the numbers, and a mini-batch that fills up."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from updates.samples.encoder import Encoded


@dataclass(frozen=True)
class DeepRows:
    """n rows of F fields and k numbers.

    fields : F. indptr : (n·F + 1,) int64; field f of row r has the keys
    keys[indptr[r·F + f] : indptr[r·F + f + 1]], (nnz,) uint64. numbers : (n, k) float32, finite.
    event_times : (n,) int64, epoch milliseconds.
    """

    fields: int
    indptr: np.ndarray
    keys: np.ndarray
    numbers: np.ndarray
    event_times: np.ndarray

    @classmethod
    def of(cls, encoded: Encoded, fields: int) -> DeepRows:
        """Single-valued and multi-valued fields, and numbers x as sign(x)·log(1 + |x|).

        The paper scales numbers by their quantiles, which would have to be learned first; the
        logarithm knows nothing of the data, and keeps outliers within the range of other inputs.
        """
        numbers = encoded.numbers
        squashed = np.sign(numbers) * np.log1p(np.abs(numbers))
        squashed = np.ascontiguousarray(squashed, np.float32)
        return cls(fields, *encoded.by_field(), squashed, encoded.event_times)

    def __len__(self) -> int:
        return len(self.numbers)

    def slice(self, start: int, stop: int) -> DeepRows:
        """Rows [start, stop)."""
        indptr = self.indptr[start * self.fields : stop * self.fields + 1]
        keys = self.keys[indptr[0] : indptr[-1]]
        numbers, event_times = self.numbers[start:stop], self.event_times[start:stop]
        return DeepRows(self.fields, indptr - indptr[0], keys, numbers, event_times)


class Pending:
    """Rows that the wide part has learned and components of the deep part will, once each has
    enough of them.

    So mini-batches are cut by the learner, at every so many samples, however they come in. Which
    components learn a row is settled when it comes: each learns it once, whatever is trained later.

    components : names of those that may have to learn a row.
    """

    def __init__(self, fields: int, numbers: int, components: Sequence[str]) -> None:
        self._bits = {name: np.uint8(1 << i) for i, name in enumerate(components)}
        self._fields = fields
        keys, times = np.empty(0, np.uint64), np.empty(0, np.int64)
        none = np.empty((0, numbers), np.float32)
        self._none = DeepRows(fields, np.zeros(1, np.int64), keys, none, times)
        # Rows with their slopes, and the bits of the components that have not learned them.
        self._parts: tuple[tuple[DeepRows, np.ndarray, np.uint8], ...] = ()

    def waiting(self, component: str) -> int:
        """How many rows the component has still to learn."""
        return sum(len(rows) for rows, _, owed in self._parts if owed & self._bits[component])

    def copy(self) -> Pending:
        """One that goes its own way from here; rows are shared."""
        return copy(self)

    def add(self, rows: DeepRows, slopes: np.ndarray, components: Collection[str]) -> None:
        """Rows for these components, at least one; (n,) slopes: the derivative of each row's loss
        by the logit."""
        owed = np.bitwise_or.reduce([self._bits[name] for name in components])
        self._parts = (*self._parts, (rows, slopes.astype(np.float32), owed))

    def same(self, one: str, other: str) -> bool:
        """Whether both have the same rows to learn."""
        both = self._bits[one] | self._bits[other]
        return all(owed & both in (0, both) for _, _, owed in self._parts)

    def take(self, *components: str) -> tuple[DeepRows, np.ndarray]:
        """What the first of the components has to learn: rows in the order in which they came, and
        their (n,) float32 slopes. None of the components has them to learn any more."""
        bit = self._bits[components[0]]
        taken = [(rows, slopes) for rows, slopes, owed in self._parts if owed & bit]
        learned = np.bitwise_or.reduce([self._bits[name] for name in components])
        left = ((rows, slopes, owed & ~learned) for rows, slopes, owed in self._parts)
        self._parts = tuple(part for part in left if part[2])
        return self._joined(taken)

    def _joined(self, parts: Sequence[tuple[DeepRows, np.ndarray]]) -> tuple[DeepRows, np.ndarray]:
        rows, slopes = zip((self._none, np.empty(0, np.float32)), *parts, strict=True)
        lengths = np.concatenate([np.diff(part.indptr) for part in rows])
        joined = DeepRows(
            self._fields,
            np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]),
            np.concatenate([part.keys for part in rows]),
            np.concatenate([part.numbers for part in rows]),
            np.concatenate([part.event_times for part in rows]),
        )
        return joined, np.concatenate(slopes)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The rows as arrays; ``owed`` (n,) uint8, a bit for each component."""
        rows, slopes = self._joined([part[:2] for part in self._parts])
        owed = [np.full(len(rows), owed, np.uint8) for rows, _, owed in self._parts]
        return {
            "indptr": rows.indptr,
            "keys": rows.keys,
            "numbers": rows.numbers,
            "event_times": rows.event_times,
            "slopes": slopes,
            "owed": np.concatenate([np.empty(0, np.uint8), *owed]),
        }

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Replace the rows by those of ``to_arrays``."""
        names = "indptr", "keys", "numbers", "event_times"
        rows = DeepRows(self._fields, *(arrays[name] for name in names))
        owed, slopes = arrays["owed"], arrays["slopes"]
        changes = np.flatnonzero(np.diff(owed)) + 1
        marks = [0, *changes.tolist(), len(rows)] if len(rows) else []
        self._parts = tuple(
            (rows.slice(start, stop), slopes[start:stop], owed[start])
            for start, stop in pairwise(marks)
        )
