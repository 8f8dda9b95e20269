"""Keys that nothing has been learned of for days are removed, at instants that samples decide.

Time is the watermark: the newest event time so far, in hours. At each new hour a 24th of all keys,
by hash, is looked through: no hour has much to do, and a key goes between ``days`` and ``days + 1``
days after its last sample. Which keys go when follows from the samples alone, not from batches,
restarts or the clock.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import numpy as np

from updates.learners.sparse.table import KeyTable

HOUR_MS = 3_600_000
HOURS = 24  # of a day: parts of the keys, each looked through in one of them
LATEST = 2**24 - 1  # what fits a key's stamp, in the year 3883


class Expiry:
    """When the keys of a table expire.

    days : without a sample, after which a key is removed.
    removed : keys removed so far.
    """

    def __init__(self, days: int) -> None:
        self.days = days
        self.removed = 0
        self._hour = 0

    def hours(self, event_times: np.ndarray) -> np.ndarray:
        """(n,) int64 hour of the watermark at each row, of (n,) epoch milliseconds."""
        hours = np.clip(event_times // HOUR_MS, max(1, self._hour), LATEST)
        return np.maximum.accumulate(hours)

    def enter(self, table: KeyTable, hours: np.ndarray, start: int) -> int:
        """Let the row ``start`` be learned at its hour; returns one past the last row to go on to.

        A row that begins an hour comes alone: it is predicted with what there was before it, and
        only then do keys go.
        """
        table.hour = int(hours[start])
        if table.hour != self._hour:
            return start + 1
        return int(np.searchsorted(hours, hours[start], side="right"))

    def advance(self, table: KeyTable) -> np.ndarray:
        """(m,) keys that have expired by the hour, in any order: the caller removes them."""
        hour, before = table.hour, self._hour
        keys = [np.empty(0, np.uint64)]
        if hour == before:
            return keys[0]
        if not before:
            table.stamp_all(hour)
        elif (oldest := hour - self.days * HOURS) > 0:
            for part in range(max(before + 1, hour - HOURS + 1), hour + 1):
                keys.append(table.older(*_hashes(part % HOURS), oldest))
        self._hour = hour
        self.removed += sum(map(len, keys))
        return np.concatenate(keys)

    def copy(self) -> Expiry:
        """One that goes its own way from here."""
        return copy.copy(self)

    def to_arrays(self, table: KeyTable) -> dict[str, np.ndarray]:
        """``hours`` (size,) of last learning, in the order of insertion, and ``expiry`` (2,)."""
        return {
            "hours": table.hours(),
            "expiry": np.array([self._hour, self.removed], np.int64),
        }

    def restore(self, arrays: Mapping[str, np.ndarray], table: KeyTable) -> None:
        """Take over what ``to_arrays`` gave; without it, all keys count from the next sample on."""
        if "expiry" in arrays:
            self._hour, self.removed = (int(value) for value in arrays["expiry"])
            table.hour = self._hour


def _hashes(part: int) -> tuple[int, int]:
    """The first and the last hash of a part."""
    return (part << 64) // HOURS, ((part + 1 << 64) // HOURS) - 1
