"""What each update policy loses on the simulated feed: ``python -m updates.simulation.experiment``.

Two simulated weeks for each of several worlds, after three days of history; every third day the
topic that is liked least turns hot. Prints a Markdown table; docs/demo.md explains it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from scipy import stats

from updates.simulation.fleet import FLEET
from updates.simulation.offline import Played
from updates.simulation.recovery import Recovery, recovery
from updates.simulation.regret import Distance, distance
from updates.simulation.rows import candidates, impressions, rows
from updates.simulation.world import TICK_MS, TICKS_A_DAY, TICKS_AN_HOUR, World
from updates.strategies.backtest import TableLog

HISTORY_DAYS = 3
IMPRESSIONS_A_TICK = 42
MEASURED_TICKS = TICKS_AN_HOUR // 2
CONTEXTS, PANEL = 40, 9
FIRST_FLASH_DAYS, FLASH_EVERY_DAYS = 1.5, 3
COLUMNS = (
    "policy",
    "regret, mean",
    "− that of online",
    "excess log loss, nats",
    "CPU s a week",
    "updates a week",
    "rise at a flash",
    "half regained after, h",
)


@dataclass(frozen=True)
class Result:
    """Of one recommender in one world; the flash events are those that were planned."""

    mean: Distance
    recoveries: list[Recovery]
    updates: int
    cpu_seconds: float


def worlds(seed: int, ticks: int) -> Iterator[World]:
    """The same world, tick after tick, with the planned flash events."""
    world = World(seed)
    planned = set(flash_ticks(ticks))
    for _ in range(ticks):
        world.step()
        if world.tick in planned:
            world.flash(world.coolest_place(), whole_topic=True)
        yield world


def flash_ticks(ticks: int) -> range:
    """When the planned flash events are."""
    first = round((HISTORY_DAYS + FIRST_FLASH_DAYS) * TICKS_A_DAY)
    return range(first, ticks, FLASH_EVERY_DAYS * TICKS_A_DAY)


def log_of(seed: int, ticks: int) -> TableLog:
    """All samples, at simulated times."""
    parts = []
    for world in worlds(seed, ticks):
        shown = impressions(world, IMPRESSIONS_A_TICK)
        parts.append(rows(world, shown.contexts, shown.places, shown.shown_ms, shown.clicked))
    return TableLog(pa.Table.from_batches(parts))


def play(seed: int, days: float) -> dict[str, Result]:
    """All recommenders through one world, by slug."""
    history = round(HISTORY_DAYS * TICKS_A_DAY)
    ticks = history + round(days * TICKS_A_DAY)
    log = log_of(seed, ticks)
    fleet = [Played(entry, log) for entry in FLEET]
    panel = World(seed).contexts(CONTEXTS, PANEL)
    hours: list[float] = []
    found: dict[str, list[Distance]] = {entry.slug: [] for entry in FLEET}
    for world in worlds(seed, ticks):
        for played in fleet if world.tick >= history else ():
            played.begin(world.tick * TICK_MS) if world.tick == history else played.advance(
                world.tick * TICK_MS
            )
        if world.tick >= history and world.tick % MEASURED_TICKS == 0:
            batch, true = candidates(world, panel), world.probabilities(panel)
            hours.append(world.tick / TICKS_AN_HOUR)
            for played in fleet:
                predicted = played.predict(batch).reshape(true.shape)
                found[played.entry.slug].append(distance(true, predicted))
    return {
        played.entry.slug: _result(played, hours, found[played.entry.slug], flash_ticks(ticks))
        for played in fleet
    }


def _result(
    played: Played, hours: Sequence[float], found: Sequence[Distance], flashes: range
) -> Result:
    regrets = [one.regret for one in found]
    recoveries = [recovery(hours, regrets, tick / TICKS_AN_HOUR) for tick in flashes]
    return Result(
        Distance(*np.mean(found, axis=0)),
        [one for one in recoveries if one is not None],
        played.updates,
        played.cpu_seconds,
    )


def table(results: Sequence[dict[str, Result]], days: float) -> list[dict[str, str]]:
    """One row a policy, the best first; ± are 95 % intervals over the worlds."""
    weeks = days / 7
    order = sorted(FLEET, key=lambda entry: np.mean([r[entry.slug].mean.regret for r in results]))
    lines = []
    for entry in order:
        own = [result[entry.slug] for result in results]
        regrets = np.array([one.mean.regret for one in own])
        online = np.array([result["feed-online"].mean.regret for result in results])
        recoveries = [one for each in own for one in each.recoveries]
        values = (
            entry.title,
            _interval(regrets),
            "" if entry.slug == "feed-online" else _interval(regrets - online),
            _interval(np.array([one.mean.excess_log_loss for one in own])),
            f"{np.mean([one.cpu_seconds for one in own]) / weeks:.1f}",
            f"{np.mean([one.updates for one in own]) / weeks:,.0f}",
            f"{np.mean([one.jump for one in recoveries]):.3f}" if recoveries else "–",
            _hours([one.hours for one in recoveries]),
        )
        lines.append(dict(zip(COLUMNS, values, strict=True)))
    return lines


def _interval(values: np.ndarray) -> str:
    if len(values) < 2:
        return f"{values.mean():.4f}"
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return f"{values.mean():.4f} ± {half:.4f}"


def _hours(hours: Sequence[float | None]) -> str:
    """The median, of which those that never came back are the longest."""
    if not hours:
        return "–"
    middle = float(np.median([np.inf if one is None else one for one in hours]))
    return f"{middle:.1f}" if np.isfinite(middle) else "over 24"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=float, default=14.0)
    parser.add_argument("--worlds", type=int, default=5, help="seeds 1 to so many")
    chosen = parser.parse_args()
    results = []
    for seed in range(1, chosen.worlds + 1):
        results.append(play(seed, chosen.days))
        print(f"world {seed} of {chosen.worlds}", file=sys.stderr)
    print(f"| {' | '.join(COLUMNS)} |\n|---|{'---:|' * (len(COLUMNS) - 1)}")
    for line in table(results, chosen.days):
        print(f"| {' | '.join(line.values())} |")


if __name__ == "__main__":
    main()
