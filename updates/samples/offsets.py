"""Ranges of offsets, first to last inclusive, sorted and apart: what learning leaves out.

Imports no Django.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from updates.samples.batches import OFFSET

Range = Sequence[int]  # first and last offset


def union(ranges: Iterable[Range]) -> list[list[int]]:
    """The same offsets in as few ranges as can be."""
    found: list[list[int]] = []
    for first, last in sorted(ranges):
        if found and first <= found[-1][1] + 1:
            found[-1][1] = max(found[-1][1], last)
        else:
            found.append([first, last])
    return found


def clip(ranges: Sequence[Range], start: int, stop: int) -> list[list[int]]:
    """What of the ranges lies in [start, stop)."""
    found: list[list[int]] = []
    for i in range(bisect_left(ranges, start, key=_last), len(ranges)):
        first, last = ranges[i]
        if first >= stop:
            break
        found.append([max(first, start), min(last, stop - 1)])
    return found


def _last(each: Range) -> int:
    return each[1]


def overlap(ranges: Sequence[Range], start: int, stop: int) -> bool:
    """Whether one of the offsets lies in [start, stop)."""
    i = bisect_left(ranges, start, key=_last)
    return i < len(ranges) and ranges[i][0] < stop


def rest(ranges: Sequence[Range], start: int, stop: int) -> list[list[int]]:
    """What of [start, stop) lies in none of the ranges."""
    left: list[list[int]] = []
    for first, last in clip(ranges, start, stop):
        if first > start:
            left.append([start, first - 1])
        start = last + 1
    return [*left, [start, stop - 1]] if start < stop else left


def count(ranges: Iterable[Range]) -> int:
    """How many offsets they hold."""
    return sum(last - first + 1 for first, last in ranges)


def of(offsets: np.ndarray) -> list[list[int]]:
    """The ranges that sorted offsets, (n,) int64, make."""
    if not len(offsets):
        return []
    breaks = np.flatnonzero(np.diff(offsets) > 1)
    firsts = offsets[np.append(0, breaks + 1)]
    lasts = offsets[np.append(breaks, len(offsets) - 1)]
    return np.stack([firsts, lasts], axis=1).tolist()  # type: ignore[no-any-return]


def drop(batch: pa.RecordBatch, ranges: Sequence[Range]) -> pa.RecordBatch:
    """A numbered batch without the samples whose offsets are in the ranges."""
    if not ranges or not batch.num_rows:
        return batch
    offsets = batch.column(OFFSET).to_numpy()
    near = clip(ranges, int(offsets[0]), int(offsets[-1]) + 1)
    return batch.filter(pa.array(~inside(offsets, near))) if near else batch


def inside(offsets: np.ndarray, ranges: Sequence[Range]) -> np.ndarray:
    """(n,) bool: which of the offsets, (n,) int64, lie in one of the ranges."""
    if not ranges:
        return np.zeros(len(offsets), bool)
    bounds = np.array(ranges, dtype=np.int64)
    before = np.searchsorted(bounds[:, 0], offsets, side="right") - 1
    found: np.ndarray = (before >= 0) & (offsets <= bounds[np.maximum(before, 0), 1])
    return found


@dataclass(frozen=True)
class Stretch:
    """Offsets [start, stop) of a log: the samples to learn, and what is left out between them."""

    start: int
    stop: int
    samples: pa.RecordBatch
    left_out: Sequence[Range] = ()

    def __post_init__(self) -> None:
        missing = self.stop - self.start - self.samples.num_rows - count(self.left_out)
        if missing:
            raise ValueError(f"stretch must be whole, {missing} samples are missing")
