"""What to do while labels are still coming: the tables of docs/joiner.md.

    python -m updates.learners.experiments.delayed_feedback

A simulated stream whose probabilities and delays are known: items come and go, and at half-time
everything becomes likelier at once. Impressions are predicted when they are shown, by what the
model has learned of the log by then, and judged by the labels that they get in the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from updates.learners.delayed_feedback import CALIBRATION, DELAYED_FEEDBACK, WAIT, WEIGHTED
from updates.learners.sparse.linear import SparseLinear
from updates.metrics import losses, quality
from updates.samples.schema import LABEL, SampleSchema

SCHEMA = SampleSchema(item="item", categorical=("segment",))
HOUR = 3_600.0
HOURS, AN_HOUR, SEGMENTS, ITEMS = 48, 4_000, 20, 100
# Of the items so many are replaced each hour.
RENEWED = 5
# Seconds between two moments at which predictions see what was learned.
TICK = 120.0
WARM_UP, SHIFT = 8 * HOUR, 24 * HOUR
PERIODS = {
    "hours 8 to 48": (WARM_UP, HOURS * HOUR),
    "hours 24 to 26": (SHIFT, SHIFT + 2 * HOUR),
    "hours 36 to 48": (SHIFT + 12 * HOUR, HOURS * HOUR),
}
DELAYS = {300.0: "5 minutes", 4 * HOUR: "4 hours"}
RATES = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
TUNED_ON, SEEDS = 0, (1, 2, 3, 4, 5)


class Stream(NamedTuple):
    """Impressions in order of time: when shown, label in the end, seconds until a positive's."""

    shown: np.ndarray
    labels: np.ndarray
    delays: np.ndarray
    rows: pa.RecordBatch


class Entries(NamedTuple):
    """Samples in the order in which they enter the log."""

    times: np.ndarray
    impressions: np.ndarray
    labels: np.ndarray


def simulate(seed: int, mean_delay: float) -> Stream:
    """A stream; delays are exponential, of a mean from half to twice ``mean_delay`` by segment."""
    rng = np.random.default_rng(seed)
    count = HOURS * AN_HOUR
    shown = np.sort(rng.random(count)) * HOURS * HOUR
    segments, places = rng.integers(0, SEGMENTS, count), rng.integers(0, ITEMS, count)
    ages = (shown // HOUR).astype(int) * RENEWED - places
    items = places + ITEMS * np.maximum(0, -(-ages // ITEMS))
    margins = -2.6 + rng.normal(0, 0.5, SEGMENTS)[segments]
    margins += rng.normal(0, 1, items.max() + 1)[items] + 0.7 * (shown >= SHIFT)
    labels = rng.random(count) < 1 / (1 + np.exp(-margins))
    factors = np.geomspace(0.5, 2, SEGMENTS)[segments]
    delays = rng.exponential(mean_delay * factors)
    columns = {
        LABEL: labels.astype(np.float32),
        "event_time": (1000 * shown).astype(np.int64),
        "weight": np.ones(count, np.float32),
        "item": [f"i{item}" for item in items],
        "segment": [f"s{segment}" for segment in segments],
    }
    return Stream(shown, labels, delays, pa.RecordBatch.from_pydict(columns).cast(SCHEMA.arrow))


def at_once(stream: Stream) -> Entries:
    """As if the label were known when the impression is shown."""
    return Entries(stream.shown, np.arange(len(stream.shown)), stream.labels)


def waiting(seconds: float) -> Callable[[Stream], Entries]:
    """When the window has ended, with the label that has come by then."""

    def enter(stream: Stream) -> Entries:
        in_time = stream.labels & (stream.delays <= seconds)
        return Entries(stream.shown + seconds, np.arange(len(stream.shown)), in_time)

    return enter


def fake_negatives(stream: Stream) -> Entries:
    """At once as a negative; as a positive when that comes."""
    positive = np.flatnonzero(stream.labels)
    times = np.concatenate([stream.shown, (stream.shown + stream.delays)[positive]])
    order = np.argsort(times, kind="stable")
    impressions = np.concatenate([np.arange(len(stream.shown)), positive])[order]
    return Entries(times[order], impressions, order >= len(stream.shown))


@dataclass(frozen=True)
class Method:
    """How samples are made and learned: a row of the table."""

    name: str
    enter: Callable[[Stream], Entries]
    correction: str = WAIT
    alpha: float = RATES[0]


METHODS = (
    Method("oracle: labels known at once", at_once),
    Method("wait 10 min", waiting(HOUR / 6)),
    Method("wait 1 h", waiting(HOUR)),
    Method("wait 6 h", waiting(6 * HOUR)),
    Method("wait 12 h", waiting(12 * HOUR)),
    Method("naive: fake negatives, uncorrected", fake_negatives),
    Method("fake_negative_weighted", fake_negatives, WEIGHTED),
    Method("fake_negative_calibration", fake_negatives, CALIBRATION),
)


def served(method: Method, stream: Stream) -> np.ndarray:
    """(n,) predictions of the impressions when they were shown."""
    options: dict[str, Any] = {"l1": 0.0, "alpha": method.alpha}
    learner = SparseLinear(SCHEMA, options | {DELAYED_FEEDBACK.name: method.correction})
    entries = method.enter(stream)
    labels = pa.array(entries.labels.astype(np.float32))
    samples = stream.rows.take(pa.array(entries.impressions)).set_column(
        0, SCHEMA.arrow.field(LABEL), labels
    )
    predictions = []
    for shown, entered in zip(_ticks(stream.shown), _ticks(entries.times), strict=True):
        predictions.append(learner.predict(stream.rows.slice(*shown)))
        learner.learn(samples.slice(*entered))
    return np.concatenate(predictions)


def _ticks(times: np.ndarray) -> Iterator[tuple[int, int]]:
    """Offset and length of what belongs to each tick of the stream."""
    ends = np.searchsorted(times, np.arange(0, HOURS * HOUR + TICK, TICK))
    yield from zip(ends[:-1].tolist(), np.diff(ends).tolist(), strict=True)


def tuned(method: Method, stream: Stream) -> Method:
    """The method with the learning rate that served that stream best."""
    after = stream.shown >= WARM_UP

    def loss(candidate: Method) -> float:
        return float(losses(stream.labels, served(candidate, stream))[after].mean())

    return min((replace(method, alpha=alpha) for alpha in RATES), key=loss)


def measured(method: Method, stream: Stream) -> list[float | None]:
    """Log loss from WARM_UP on, then NE and calibration of each period, by labels in the end."""
    predictions = served(method, stream)
    found = []
    for begin, end in PERIODS.values():
        part = (stream.shown >= begin) & (stream.shown < end)
        found.append(quality(stream.labels[part], predictions[part]))
    return [found[0].log_loss, *(x for each in found for x in (each.ne, each.calibration))]


def main() -> None:
    """Print a table for quick and for slow labels; ± is the standard deviation over the seeds."""
    columns = ["alpha", "log loss"]
    columns += [f"{measure}, {period}" for period in PERIODS for measure in ("NE", "calibration")]
    for mean_delay, words in DELAYS.items():
        tuning, *streams = (simulate(seed, mean_delay) for seed in (TUNED_ON, *SEEDS))
        print(f"\nLabels take {words} in the mean:\n")
        print(f"| | {' | '.join(columns)} |")
        print(f"|---|{'---:|' * len(columns)}")
        for method in METHODS:
            best = tuned(method, tuning)
            found = np.array([measured(best, stream) for stream in streams], np.float64)
            cells = [
                f"{mean:.3f} ± {spread:.3f}"
                for mean, spread in zip(found.mean(axis=0), found.std(axis=0), strict=True)
            ]
            print(f"| {method.name} | {best.alpha:g} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
