"""Rows of the deep part: the keys of each field, the numbers, and a mini-batch that fills up."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass

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
    """Rows that the wide part has learned and the deep part will, once there are enough of them.

    So mini-batches are cut by the learner, at every so many samples, however they come in.
    """

    def __init__(self, fields: int, numbers: int) -> None:
        self._rows = 0
        self._fields = fields
        keys, times = np.empty(0, np.uint64), np.empty(0, np.int64)
        none = np.empty((0, numbers), np.float32)
        empty = DeepRows(fields, np.zeros(1, np.int64), keys, none, times)
        self._parts: tuple[tuple[DeepRows, np.ndarray], ...] = ((empty, np.empty(0, np.float32)),)

    def __len__(self) -> int:
        return self._rows

    def copy(self) -> Pending:
        """One that goes its own way from here; rows are shared."""
        return copy(self)

    def add(self, rows: DeepRows, slopes: np.ndarray) -> None:
        """Rows with (n,) slopes: the derivative of each row's loss by the logit."""
        self._parts = (*self._parts, (rows, slopes.astype(np.float32)))
        self._rows += len(rows)

    def all(self) -> tuple[DeepRows, np.ndarray]:
        """The rows in the order in which they came, and their (n,) float32 slopes."""
        rows, slopes = zip(*self._parts, strict=True)
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
        """The rows as arrays."""
        rows, slopes = self.all()
        return {
            "indptr": rows.indptr,
            "keys": rows.keys,
            "numbers": rows.numbers,
            "event_times": rows.event_times,
            "slopes": slopes,
        }

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Replace the rows by those of ``to_arrays``."""
        names = "indptr", "keys", "numbers", "event_times"
        rows = DeepRows(self._fields, *(arrays[name] for name in names))
        self._rows, self._parts = len(rows), ((rows, arrays["slopes"]),)
