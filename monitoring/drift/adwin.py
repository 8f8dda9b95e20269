"""ADWIN: has the mean of a stream changed? (Bifet & Gavaldà 2007, ADWIN2.)

River's is a development dependency only; this one gives the same answers, and its state is plain
numbers that can be kept between two looks at a stream.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

CONFIDENCE = 0.002
MOST_BUCKETS = 5
CLOCK = 32
LEAST = 5
GRACE = 10


class Adwin:
    """A window of a stream that is cut wherever its two parts have different means.

    levels : of each level i its buckets of 2^i values, oldest first: [sum, sum of squared
        deviations from their mean]. changes : how often the window was cut.
    """

    def __init__(self) -> None:
        self.levels: list[list[list[float]]] = [[]]
        self.seen = self.width = self.changes = 0
        self.total = self.squares = 0.0

    def update(self, values: Iterable[float]) -> int:
        """Take values in; 1 where the last cut that they led to left a higher mean, −1 where it
        left a lower one, 0 where the window was not cut."""
        move = 0
        for value in values:
            self._insert(value)
            if self.seen % CLOCK == 0 and self.width > GRACE:
                before = self.total / self.width
                if self._cut():
                    self.changes += 1
                    move = 1 if self.total / self.width > before else -1
        return move

    @property
    def mean(self) -> float:
        """Of the window; 0 where it is empty."""
        return self.total / max(self.width, 1)

    def to_json(self) -> dict[str, Any]:
        """Its state."""
        return dict(vars(self))

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> Adwin:
        """The detector in that state; a new one of an empty state."""
        adwin = cls()
        vars(adwin).update(state)
        return adwin

    def _insert(self, value: float) -> None:
        self.seen += 1
        if self.width:
            self.squares += self.width * (value - self.total / self.width) ** 2 / (self.width + 1)
        self.width += 1
        self.total += value
        self.levels[0].append([value, 0.0])
        for level, buckets in enumerate(self.levels):
            if len(buckets) <= MOST_BUCKETS:
                return
            (a, squares_a), (b, squares_b) = buckets[:2]
            del buckets[:2]
            if level + 1 == len(self.levels):
                self.levels.append([])
            between = (a - b) ** 2 / (2 * 2**level)
            self.levels[level + 1].append([a + b, squares_a + squares_b + between])

    def _cut(self) -> bool:
        """Drop the oldest buckets while some split of the window tells its parts apart."""
        cut = False
        while self.width > GRACE and self._splits():
            self._drop_oldest()
            cut = True
        return cut

    def _splits(self) -> bool:
        older, total = 0, 0.0
        for level in range(len(self.levels) - 1, -1, -1):
            for bucket, _ in self.levels[level]:
                older += 2**level
                total += bucket
                newer = self.width - older
                if newer < LEAST:
                    return False
                gap = total / older - (self.total - total) / newer
                if older >= LEAST and abs(gap) > self._bound(older, newer):
                    return True
        return False

    def _bound(self, older: int, newer: int) -> float:
        confidence = math.log(2 * math.log(self.width) / CONFIDENCE)
        sizes = 1 / (older - LEAST + 1) + 1 / (newer - LEAST + 1)
        variance = self.squares / self.width
        return math.sqrt(2 * sizes * variance * confidence) + 2 / 3 * confidence * sizes

    def _drop_oldest(self) -> None:
        size = 2 ** (len(self.levels) - 1)
        total, squares = self.levels[-1].pop(0)
        self.width -= size
        self.total -= total
        gap = total / size - self.total / self.width
        self.squares -= squares + size * self.width * gap**2 / (size + self.width)
        while len(self.levels) > 1 and not self.levels[-1]:
            self.levels.pop()
