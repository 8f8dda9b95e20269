"""When each value was first met, of a sample of the values chosen by hash, in bounded room.

Those with the smallest hashes are kept, as in ``drift.hashed_counts``: exact while there are no
more than K values; beyond, nothing is known of values whose hashes lie above the limit, and what
is told of the others is told of an unbiased sample of the values. Merging is exact and may be
repeated: in whatever order, the earliest time stays.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

K = 16_384
EVERYTHING = 2**64 - 1
_HEAD = struct.Struct("<QI")


@dataclass(frozen=True)
class FirstMetTimes:
    """Times of all values met whose hashes are at most ``limit``.

    hashes : (h,) uint64, rising. times : (h,) int64, epoch ms of the earliest event.
    """

    hashes: np.ndarray
    times: np.ndarray
    limit: int = EVERYTHING

    @classmethod
    def empty(cls) -> FirstMetTimes:
        """Of nothing."""
        return cls(np.empty(0, np.uint64), np.empty(0, np.int64))

    def met(self, hashes: np.ndarray, times: np.ndarray) -> FirstMetTimes:
        """With (n,) values met at (n,) times; hash 0 is no value."""
        below = (hashes <= np.uint64(self.limit)) & (hashes != 0)
        all_hashes = np.concatenate([self.hashes, hashes[below]])
        unique, places = np.unique(all_hashes, return_inverse=True)
        earliest = np.full(len(unique), np.iinfo(np.int64).max)
        np.minimum.at(earliest, places, np.concatenate([self.times, times[below]]))
        limit = self.limit if len(unique) <= K else int(unique[K - 1])
        return FirstMetTimes(unique[:K], earliest[:K], limit)

    def ages(self, hashes: np.ndarray, times: np.ndarray) -> np.ndarray:
        """(n,) ms from the first time that each value was met to its time now, at least 0; 0 of
        values never met, NaN where there is none or the sample does not tell."""
        found = np.zeros(len(hashes))
        at = np.minimum(np.searchsorted(self.hashes, hashes), max(len(self.hashes) - 1, 0))
        if len(self.hashes):
            known = self.hashes[at] == hashes
            found[known] = np.maximum(times[known] - self.times[at[known]], 0)
        found[(hashes > np.uint64(self.limit)) | (hashes == 0)] = np.nan
        return found

    def to_bytes(self) -> bytes:
        """Its bytes, at most 262 kB; ``from_bytes`` reads them."""
        head = _HEAD.pack(self.limit, len(self.hashes))
        return head + self.hashes.astype("<u8").tobytes() + self.times.astype("<i8").tobytes()

    @classmethod
    def from_bytes(cls, data: bytes) -> FirstMetTimes:
        """What these bytes are of; of nothing where there are none."""
        if not data:
            return cls.empty()
        limit, size = _HEAD.unpack_from(data)
        hashes = np.frombuffer(data, "<u8", size, _HEAD.size)
        return cls(hashes, np.frombuffer(data, "<i8", size, _HEAD.size + 8 * size), limit)
