"""How alarms are settled, on streams whose changes are known to hurt a model or not to.

``python -m tests.benchmarks.drift`` prints it below its other tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from monitoring.drift.adwin import Adwin
from monitoring.drift.loss_change import BEFORE, HORIZON, LossStretch, find_rise
from tests.benchmarks.harness import Table
from updates.metrics import losses

Columns = dict[str, np.ndarray]
LOSSES = "loss"
LOOK_SECONDS, LOOKS_AN_HOUR = 600, 6
REFERENCE_HOURS, CHANGE_AT, HOURS = 24, 24, 48
# What happens after a day, and whether the model predicts worse from then on.
CHANGES = {
    "a fifth of the rows comes from a device that the model misjudges": True,
    "15 % of the rows have new items, of which it knows nothing": True,
    "what prices mean turns round, in rows as before": True,
    "a number without meaning moves by 0.6 σ": False,
    "a fifth of the rows changes between devices that it knows": False,
    "nothing": False,
}
MISJUDGED, NEW, TURNED, MOVED, CHANGED, NOTHING = CHANGES


@dataclass(frozen=True)
class Alarm:
    """One that began: when, in seconds; what settling says of it; and what is true of it."""

    began: float
    verdict: str
    delay: float | None
    hurts: bool


def hour(rng: np.random.Generator, rows: int, change: str) -> Columns:
    """An hour of samples, with the log losses of a model that learned before the change."""
    price = rng.normal(size=rows)
    shares = [0.4, 0.3, 0.15, 0.1, 0.05]
    shares = [0.2, 0.5, 0.15, 0.1, 0.05] if change == CHANGED else shares
    shares = [0.3, 0.2, 0.15, 0.1, 0.25] if change == MISJUDGED else shares
    device = rng.choice(list("abcde"), rows, p=shares)
    item = (rng.zipf(1.3, rows) % 5_000).astype(str)
    new = (rng.uniform(size=rows) < 0.15) & (change == NEW)
    item[new] = [f"new{i}" for i in rng.integers(0, 400, new.sum())]
    said = 1 / (1 + np.exp(1.4 - 0.7 * price))
    rate = 1 / (1 + np.exp(1.4 + 0.7 * price)) if change == TURNED else said.copy()
    rate[(device == "e") | new] = 0.6
    click = (rng.uniform(size=rows) < rate).astype(float)
    return {
        "price": price,
        "dwell": rng.lognormal(size=rows) * (1.8 if change == MOVED else 1.0),
        "device": device,
        "item": item,
        "label": click.astype(int).astype(str),
        LOSSES: losses(click, said),
    }


class LossAlarm:
    """Our ADWIN on the log loss of each sample: on from a rise to a fall."""

    def __init__(self, reference: Columns) -> None:
        self.adwin, self.on = Adwin(), False
        self.adwin.update(reference[LOSSES].tolist())

    def alarms(self, columns: Columns) -> Iterator[set[str]]:
        """Whether it is on, at each sixth of an hour."""
        for part in np.array_split(columns[LOSSES], LOOKS_AN_HOUR):
            move = self.adwin.update(part.tolist())
            self.on = move > 0 or (self.on and not move)
            yield {LOSSES} if self.on else set()


class Always:
    """Goes off whenever what went off before could have been settled."""

    def __init__(self, reference: Columns) -> None:
        self.looks = 0

    def alarms(self, columns: Columns) -> Iterator[set[str]]:
        """On at every twelfth look: every HORIZON."""
        for _ in range(LOOKS_AN_HOUR):
            self.looks += 1
            yield {"always"} if not self.looks * LOOK_SECONDS % HORIZON.seconds else set()


def alarms(make: Callable[[Columns], Any], seed: int, rows: int, change: str) -> list[Alarm]:
    """What a detector raises on one stream, settled."""
    rng = np.random.default_rng(seed)
    before = [hour(rng, rows, NOTHING) for _ in range(REFERENCE_HOURS)]
    detector = make({name: np.concatenate([part[name] for part in before]) for name in before[0]})
    on: set[str] = set()
    began, parts = [], []
    for number in range(HOURS):
        columns = hour(rng, rows, change if number >= CHANGE_AT else NOTHING)
        parts += np.array_split(columns[LOSSES], LOOKS_AN_HOUR)
        for look, now in enumerate(detector.alarms(columns), number * LOOKS_AN_HOUR + 1):
            began += [look * LOOK_SECONDS] * len(now - on)
            on = now
    whole = LossStretch(
        np.arange(len(parts)) * LOOK_SECONDS,
        np.array([len(part) for part in parts]),
        np.array([part.sum() for part in parts]),
        np.array([part @ part for part in parts]),
    )
    return [_settled(at, whole, change) for at in began]


def _settled(began: float, whole: LossStretch, change: str) -> Alarm:
    start, end = began - BEFORE.total_seconds(), began + HORIZON.total_seconds()
    # A true alarm is one around a change that hurts, as settling would have it.
    near = start < CHANGE_AT * 3_600 < end
    hurts = CHANGES[change] and near
    if end > HOURS * 3_600:
        return Alarm(began, "unsettled", None, hurts)
    within = (whole.at >= start) & (whole.at < end)
    rise = find_rise(LossStretch(*(part[within] for part in vars(whole).values())))
    return Alarm(began, "true" if rise else "false", rise and began - rise.at, hurts)


def row(name: str, make: Callable[[Columns], Any], rows: int, seeds: int) -> dict[str, str]:
    """One detector over all streams."""
    streams = [
        (change, alarms(make, 1_000 * number + seed, rows, change))
        for number, change in enumerate(CHANGES)
        for seed in range(seeds)
    ]
    found = [alarm for _, raised in streams for alarm in raised]
    settled = [alarm for alarm in found if alarm.verdict != "unsettled"]
    true = [alarm for alarm in settled if alarm.verdict == "true"]
    right = [alarm for alarm in settled if (alarm.verdict == "true") == alarm.hurts]
    # By the settled verdicts, and by what is known of the streams.
    delays = [alarm.delay for alarm in true if alarm.delay is not None]
    known = [alarm.began - CHANGE_AT * 3_600 for alarm in true if alarm.hurts]
    harms = [raised for change, raised in streams if CHANGES[change]]
    met = sum(any(alarm.hurts for alarm in raised) for raised in harms)
    return {
        "alarm": name,
        "began": str(len(found)),
        "true": str(len(true)),
        "false": str(len(settled) - len(true)),
        "unsettled": str(len(found) - len(settled)),
        "precision": f"{len(true) / len(settled):.2f}" if settled else "–",
        "delay by the loss": _minutes(delays),
        "delay by the change": _minutes(known),
        "harms met": f"{met} of {len(harms)}",
        "verdicts that are right": f"{len(right)} of {len(settled)}",
    }


def _minutes(seconds: list[float]) -> str:
    return f"{np.mean(seconds) / 60:.0f} min" if seconds else "–"


def table(detectors: dict[str, Callable[[Columns], Any]], rows: int, seeds: int) -> Table:
    """The scorecard of the detectors, beside an alarm that always goes off."""
    makes = {**detectors, "ADWIN on log loss": LossAlarm, "always": Always}
    return Table(
        f"Scorecard at {rows:,} rows an hour, {seeds} streams of each of {len(CHANGES)} kinds",
        [row(name, make, rows, seeds) for name, make in makes.items()],
    )
