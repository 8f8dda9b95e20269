"""What benchmarks share: fair turns, ratios of pairs, Markdown tables."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Table:
    """A titled table; all rows have the same columns. ``note`` says how it was measured."""

    title: str
    rows: Sequence[Mapping[str, object]]
    note: str = ""

    def markdown(self) -> str:
        """As printed and as it stands in docs/benchmarks.md."""
        columns = list(self.rows[0])
        lines = [columns, ["---"] * len(columns)]
        lines += [[_text(row[column]) for column in columns] for row in self.rows]
        table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        return "\n\n".join(part for part in (f"### {self.title}", self.note, table) if part)


def _text(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def timed(work: Callable[[], object]) -> Callable[[], float]:
    """The work as a contender: does it, returns the seconds that it took."""

    def measure() -> float:
        began = time.perf_counter()
        work()
        return time.perf_counter() - began

    return measure


def alternate(
    contenders: Mapping[str, Callable[[], float]], repetitions: int
) -> dict[str, list[float]]:
    """Seconds that each contender says it took, by name, in ``repetitions`` rounds.

    In each round each has one turn, every second round in the reverse order, so that what else the
    machine does meets all alike. One round before is not counted.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for round_ in range(repetitions + 1):
        for name in list(contenders)[:: 1 if round_ % 2 else -1]:
            gc.collect()
            spent = contenders[name]()
            if round_:
                seconds[name].append(spent)
    return seconds


def spread(values: Sequence[float]) -> str:
    """Least, median and largest."""
    return " / ".join(map(_text, (min(values), statistics.median(values), max(values))))


def rates(count: int, seconds: Sequence[float]) -> str:
    """Spread of the things done in a second, ``count`` having been done each time."""
    return spread([float(count / spent) for spent in seconds])


def times_as_fast(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Median over the rounds of their seconds to ours: above 1 where we are faster."""
    return statistics.median(b / a for a, b in zip(ours, theirs, strict=True))


def percentiles_ms(seconds: Sequence[float]) -> dict[str, float]:
    """p50 and p99 in milliseconds."""
    p50, p99 = np.percentile(np.asarray(seconds) * 1e3, [50, 99])
    return {"p50 ms": float(p50), "p99 ms": float(p99)}
