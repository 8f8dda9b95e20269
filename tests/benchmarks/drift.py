"""Delay and false alarms of drift detectors on streams whose change points are known.

Print it with ``python -m tests.benchmarks.drift``; Evidently takes part where it is installed.
"""

from __future__ import annotations

import argparse
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
from river.drift import ADWIN

from monitoring.drift.alarm import AlarmState, Budget, Rule
from monitoring.drift.batches import merge_into
from monitoring.drift.compare import Sketch, compare_all
from monitoring.drift.numbers import NumberSketch
from monitoring.drift.values import ValueSketch
from tests.benchmarks import drift_scorecard
from tests.benchmarks.harness import Table

Columns = dict[str, np.ndarray]
HOUR, LOOKS_AN_HOUR = timedelta(hours=1), 6
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
# A fleet of 300 models of 10 features, of which the streams here have five.
FLEET_TESTS = 3_000
REFERENCE_HOURS = 24
QUIET_DAYS, CHANGE_AT, CHANGED_HOURS = 7, 24, 24
LOSSES = "loss"
CHANGES = (
    "a number moves by 0.6 σ",
    "a fifth of the rows changes category",
    "one item takes 15 % of the rows",
    "15 % of the rows have new items",
    "clicks halve",
)


def hour(rng: np.random.Generator, rows: int, change: str = "") -> Columns:
    """An hour of samples after a change, with the log losses of a model that knew the rates."""
    price = rng.normal(0.6 if change == CHANGES[0] else 0.0, size=rows)
    shares = [0.2, 0.3, 0.15, 0.1, 0.25] if change == CHANGES[1] else [0.4, 0.3, 0.15, 0.1, 0.05]
    item = (rng.zipf(1.3, rows) % 5_000).astype(str)
    moved = rng.uniform(size=rows) < 0.15
    if change == CHANGES[2]:
        item[moved] = "777"
    if change == CHANGES[3]:
        item[moved] = [f"new{i}" for i in rng.integers(0, 400, moved.sum())]
    rate = 1 / (1 + np.exp(1.4 - 0.3 * price))
    click = rng.uniform(size=rows) < (rate / 2 if change == CHANGES[4] else rate)
    return {
        "price": price,
        "dwell": rng.lognormal(size=rows),
        "device": rng.choice(list("abcde"), rows, p=shares),
        "item": item,
        "label": click.astype(int).astype(str),
        LOSSES: -np.where(click, np.log(rate), np.log1p(-rate)),
    }


def stream(seed: int, rows: int, hours: int, change: str, at: int) -> Iterator[Columns]:
    """Hours of samples, the change in force from hour ``at`` on."""
    rng = np.random.default_rng(seed)
    for number in range(hours):
        yield hour(rng, rows, change if number >= at else "")


class Ours:
    """Sketches of ten minutes, the last hour of them against the reference at each look."""

    def __init__(self, reference: Columns) -> None:
        self.reference = sketches(reference)
        self.recent: deque[dict[str, Sketch]] = deque(maxlen=LOOKS_AN_HOUR)
        every = HOUR / LOOKS_AN_HOUR
        self.rule = Rule(Budget(1, FLEET_TESTS, every), lasting=every)
        self.states: dict[str, AlarmState] = {}
        self.now = BEGIN

    def alarms(self, columns: Columns) -> Iterator[set[str]]:
        """Features on alarm at each look of an hour."""
        parts = [np.array_split(column, LOOKS_AN_HOUR) for column in columns.values()]
        for part in zip(*parts, strict=True):
            self.now += HOUR / LOOKS_AN_HOUR
            self.recent.append(sketches(dict(zip(columns, part, strict=True))))
            if len(self.recent) == LOOKS_AN_HOUR:
                self._look()
            yield {name for name, state in self.states.items() if state.firing_since}

    def _look(self) -> None:
        window: dict[str, Sketch] = {}
        for part in self.recent:
            copies = {name: type(s).from_bytes(s.to_bytes()) for name, s in part.items()}
            merge_into(window, copies)
        for drift in compare_all(window, self.reference):
            state = self.states.get(drift.feature, AlarmState())
            self.states[drift.feature] = state.step(drift, self.rule, self.now)


class LossAdwin:
    """River's ADWIN on the log loss of each sample, with its defaults."""

    def __init__(self, reference: Columns) -> None:
        self.adwin = ADWIN()
        for loss in reference[LOSSES].tolist():
            self.adwin.update(loss)

    def alarms(self, columns: Columns) -> Iterator[set[str]]:
        """Whether it saw a change, at each sixth of an hour."""
        for part in np.array_split(columns[LOSSES], LOOKS_AN_HOUR):
            seen = set()
            for loss in part.tolist():
                self.adwin.update(loss)
                seen |= {LOSSES} if self.adwin.drift_detected else set()
            yield seen


class Evidently:
    """Evidently on each hour, by one of its methods for every column, or by its own choice."""

    def __init__(self, reference: Columns, method: str | None) -> None:
        import pandas as pd

        self.reference = {name: pd.Series(column) for name, column in reference.items()}
        self.method = method

    def alarms(self, columns: Columns) -> Iterator[set[str]]:
        """Columns that are said to have drifted, once at the end of the hour."""
        import pandas as pd
        from evidently.legacy.calculations.stattests import get_stattest
        from evidently.legacy.core import ColumnType

        for _ in range(LOOKS_AN_HOUR - 1):
            yield set()
        drifted = set()
        for name, before in self.reference.items():
            if name == LOSSES:
                continue
            kind = ColumnType("num" if name in ("price", "dwell") else "cat")
            now = pd.Series(columns[name])
            test = get_stattest(before, now, kind, self.method)
            if test(before, now, kind, None).drifted:
                drifted.add(name)
        yield drifted


def detectors() -> dict[str, Callable[[Columns], Any]]:
    """Those that can take part, by name."""
    found: dict[str, Callable[[Columns], Any]] = {
        "recadmin": Ours,
        "ADWIN of River on log loss": LossAdwin,
    }
    try:
        import evidently
    except ImportError:
        return found
    version = evidently.__version__
    found["PSI ≥ 0.1 on each hour, by Evidently"] = partial(Evidently, method="psi")
    found[f"Evidently {version}, its defaults"] = partial(Evidently, method=None)
    return found


def sketches(columns: Mapping[str, np.ndarray]) -> dict[str, Sketch]:
    """A sketch of each column but the losses."""
    return {
        name: NumberSketch.of(column)
        if column.dtype.kind == "f"
        else ValueSketch.of(pa.array(column.tolist(), pa.string()))
        for name, column in columns.items()
        if name != LOSSES
    }


def run(
    make: Callable[[Columns], Any], seed: int, rows: int, hours: int, change: str = "", at: int = 0
) -> list[set[str]]:
    """What a detector has on alarm at every look at a stream, after a day of reference."""
    quiet = list(stream(seed + 10_000, rows, REFERENCE_HOURS, "", 0))
    reference = {name: np.concatenate([part[name] for part in quiet]) for name in quiet[0]}
    detector = make(reference)
    return [
        on for columns in stream(seed, rows, hours, change, at) for on in detector.alarms(columns)
    ]


def false_alarms_a_day(make: Callable[[Columns], Any], rows: int, seeds: int) -> float:
    """Alarms that began, over all columns, on streams without drift."""
    began = 0
    for seed in range(seeds):
        looks = run(make, seed, rows, 24 * QUIET_DAYS)
        # A detector of whole hours says nothing in between.
        step = 1 if isinstance(make, type) else LOOKS_AN_HOUR
        looks = looks[step - 1 :: step]
        began += sum(len(on - before) for before, on in zip([set(), *looks], looks, strict=False))
    return began / (seeds * QUIET_DAYS)


def delays(make: Callable[[Columns], Any], rows: int, seeds: int, change: str) -> list[float]:
    """Hours from the change to the next alarm, infinite where none came in a day."""
    found = []
    for seed in range(seeds):
        looks = run(make, 100 + seed, rows, CHANGE_AT + CHANGED_HOURS, change, CHANGE_AT)
        after = looks[CHANGE_AT * LOOKS_AN_HOUR :]
        on = (number for number, alarms in enumerate(after, 1) if alarms)
        found.append(next(on, np.inf) / LOOKS_AN_HOUR)
    return found


def words(hours: list[float]) -> str:
    """Median, and how many were missed."""
    missed = int(np.isinf(hours).sum())
    median = float(np.median(hours))
    said = "–" if np.isinf(median) else f"{median:.1f} h"
    return f"{said}, {missed} of {len(hours)} missed" if missed else said


def table(rows: int, seeds: int) -> Table:
    """All detectors at so many rows an hour."""
    return Table(
        f"Drift detectors at {rows:,} rows an hour, {seeds} streams each",
        [
            {
                "detector": name,
                "false alarms a day": f"{false_alarms_a_day(make, rows, seeds):.2f}",
                **{change: words(delays(make, rows, seeds, change)) for change in CHANGES},
            }
            for name, make in detectors().items()
        ],
    )


def main() -> None:
    """Print a table for each number of rows."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.drift", description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[200, 1_000, 5_000])
    parser.add_argument("--seeds", type=int, default=5)
    asked = parser.parse_args()
    for rows in asked.rows:
        print(table(rows, asked.seeds).markdown(), end="\n\n", flush=True)
        scorecard = drift_scorecard.table({"recadmin": Ours}, rows, asked.seeds)
        print(scorecard.markdown(), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
