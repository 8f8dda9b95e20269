"""How long samples took from their arrival to scores that have learned from them, counted.

Imports no Django.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable

import numpy as np

# Lags are rounded up to so many binary digits: at most 1/64 too long, never too short.
DIGITS = 7


class Lags:
    """Counts of samples by lag in whole milliseconds; one thread adds, another takes."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        self._lock = threading.Lock()

    def add(self, arrivals: Iterable[tuple[int, int]], now_ms: int) -> None:
        """Samples that arrived then (ms), so many each, are served now."""
        with self._lock:
            for arrived_ms, count in arrivals:
                # Another machine's clock may be ahead of ours.
                self._counts[rounded_up(max(now_ms - arrived_ms, 0))] += count

    def take(self) -> tuple[np.ndarray, np.ndarray]:
        """(n,) int64 lags in ms, ascending, and (n,) int64 samples of each, since the last call."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        lags = np.array(sorted(counts), dtype=np.int64)
        return lags, np.array([counts[lag] for lag in lags.tolist()], dtype=np.int64)


def rounded_up(lag_ms: int) -> int:
    """To DIGITS binary digits, so that there are few different ones."""
    width = 1 << max(lag_ms.bit_length() - DIGITS, 0)
    return -(-lag_ms // width) * width
