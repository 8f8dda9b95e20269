"""How often guardrails freeze a session on a stream where nothing changes, how soon they do where
bad samples came, and what a look costs. ``python -m tests.benchmarks freeze``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.random import Generator
from scipy.optimize import brentq
from scipy.special import expit

from tests.benchmarks.harness import Table
from updates.flows.online.charts import ALLOWANCE, OVERSHOOT, Chart, height
from updates.flows.online.guard import FALSE_FREEZE_SECONDS, LOOK_SECONDS, Guard
from updates.learners import registry
from updates.metrics import loss_difference
from updates.metrics import losses as losses_of
from updates.models import ModelVersion, Recommender, UpdatePolicy
from updates.samples.batches import EPOCH, number
from updates.samples.offsets import Stretch
from updates.samples.schema import SampleSchema
from updates.strategies.base import Candidate
from updates.strategies.online import OnlineLearning

ALLOWED = 0.01  # max_ne_increase, as policies have it unless told otherwise
LOW_HEIGHTS = (1.0, 2.0, 3.0)
POPULATION = 100_000
# Errors of predictions, in log-odds.
ERROR = 0.3
SCHEMA = SampleSchema(user="user", item="item")
USERS, ITEMS = 2_000, 200


def tables(
    *,
    looks: int = 15_000,
    sizes: tuple[int, ...] = (100, 1_000),
    rates: tuple[float, ...] = (0.5, 0.1),
    learned: int = 200_000,
    streams: int = 20,
) -> Iterator[Table]:
    """Of charts alone, and of a learner that learns a stream."""
    random = np.random.default_rng(1)
    yield Table(
        "Freezing: looks to a false one, the truth at the limit",
        [_charts(random, rate, size, looks) for rate in rates for size in sizes],
        f"NE of the running model worse than the base's by exactly {ALLOWED}, with errors of their "
        f"own; {looks:,} looks each. At heights low enough to be reached, the mean number of looks "
        "that was measured beside the one that heights are chosen by; “freezes”: at the height in "
        f"use, chosen for one in {FALSE_FREEZE_SECONDS / LOOK_SECONDS:,.0f} looks (a month).",
    )
    yield Table(
        "Freezing: a learner on a stream where nothing changes, and on one with bad samples",
        [_streams(random, streams, learned // streams, bad) for bad in (0, 1_000, 3_000)],
        f"`sparse_linear`, {streams} streams of {learned // streams:,} samples after a base of "
        "20,000; a look each 500. Bad samples have the opposite labels and come half-way.",
    )


def _charts(random: Generator, rate: float, size: int, looks: int) -> dict[str, object]:
    truth = random.normal(size=POPULATION)
    truth += brentq(lambda shift: expit(truth + shift).mean() - rate, -20, 20)
    base = expit(truth + random.normal(0, ERROR, POPULATION))
    noise = random.normal(size=POPULATION)
    wanted = _loss(truth, base) + ALLOWED * _entropy(rate)
    spread = brentq(lambda e: _loss(truth, expit(truth + e * noise)) - wanted, 0.0, 3.0)
    running = expit(truth + spread * noise)
    lows = {at: Chart(at) for at in LOW_HEIGHTS}
    in_use = Chart(height(4, FALSE_FREEZE_SECONDS / LOOK_SECONDS))
    signals = dict.fromkeys(LOW_HEIGHTS, 0)
    freezes, highest = 0, 0.0
    for look in range(looks):
        which = random.integers(0, POPULATION, size)
        labels = (random.uniform(size=size) < expit(truth[which])).astype(float)
        surprise = loss_difference(labels, running[which], base[which]).surprise(ALLOWED)
        for at, chart in lows.items():
            chart.step(surprise, look)
            if chart.worse:
                signals[at] += 1
                chart.value = 0.0
        in_use.step(surprise, look)
        highest = max(highest, in_use.value)
        if in_use.worse:
            freezes, in_use.value = freezes + 1, 0.0
    measured = {
        f"height {at:g}: measured / expected": f"{looks / max(1, signals[at]):,.0f} / "
        f"{_mean_looks(at):,.0f}"
        for at in LOW_HEIGHTS
    }
    in_use_says = {"height in use": in_use.height, "highest": highest, "freezes": freezes}
    return {"positive": rate, "samples a look": size, **measured, **in_use_says}


def _mean_looks(at: float) -> float:
    b = 2 * ALLOWANCE * (at + OVERSHOOT)
    return float((np.exp(b) - b - 1) / (2 * ALLOWANCE**2))


def _loss(truth: np.ndarray, predictions: np.ndarray) -> float:
    p, ones = expit(truth), np.ones(len(truth))
    expected = losses_of(ones, predictions) * p + losses_of(0 * ones, predictions) * (1 - p)
    return float(expected.mean())


def _entropy(rate: float) -> float:
    return float(-rate * np.log(rate) - (1 - rate) * np.log1p(-rate))


@dataclass
class Stream:
    """Samples whose items have click rates of their own, numbered from 1."""

    random: Generator

    def __post_init__(self) -> None:
        self.rates = expit(self.random.normal(-1, 1, ITEMS))
        self.next_offset = 1

    def take(self, count: int, *, wrong: bool = False) -> Stretch:
        items = self.random.integers(0, ITEMS, count)
        labels = self.random.uniform(size=count) < self.rates[items]
        columns = {
            "label": (labels ^ wrong).astype(np.int8),
            "weight": np.ones(count, np.float32),
            "event_time": np.full(count, EPOCH.replace(tzinfo=None), "datetime64[ms]"),
            "user": np.char.add("u", self.random.integers(0, USERS, count).astype(str)),
            "item": np.char.add("i", items.astype(str)),
        }
        arrays = [pa.array(columns[each.name]).cast(each.type) for each in SCHEMA.arrow]
        batch = pa.RecordBatch.from_arrays(arrays, schema=SCHEMA.arrow)
        first, self.next_offset = self.next_offset, self.next_offset + count
        return Stretch(first, self.next_offset, number(batch, first, 0), [])


def _streams(random: Generator, streams: int, samples: int, bad: int) -> dict[str, object]:
    """Of guards of so many streams, each with a base of its own."""
    freezes, looks, after, seconds = 0, 0, [], 0.0
    for _ in range(streams):
        stream = Stream(random)
        guard, learning = _session(stream)
        first_bad = stream.next_offset + samples // 2
        while stream.next_offset < first_bad + samples // 2:
            if bad and stream.next_offset == first_bad:
                learning.learn(stream.take(bad, wrong=True))
            learning.learn(stream.take(500))
            began = time.perf_counter()
            looks += guard.look(learning.candidate, learning.judged())
            seconds += time.perf_counter() - began
            if guard.why:
                freezes += 1
                after.append(stream.next_offset - first_bad - bad)
                break
    return {
        "bad samples": bad,
        "streams": streams,
        "looks": looks,
        "frozen": freezes,
        "good samples until then": float(np.median(after)) if after else "–",
        "ms a look": 1000 * seconds / looks,
    }


def _session(stream: Stream) -> tuple[Guard, OnlineLearning]:
    """A running model and its base, both of the same 20,000 samples."""
    base, running = (registry.get("sparse_linear")(SCHEMA, {}) for _ in range(2))
    candidate = Candidate(running)
    learning = OnlineLearning(candidate, 1_000)
    known = stream.take(20_000)
    base.learn(known.samples)
    learning.learn(known)
    learning.begin_next("")
    recommender = Recommender(slug="stream", learner="sparse_linear", schema=SCHEMA.to_json())
    policy = UpdatePolicy(recommender=recommender, strategy="online")
    version = ModelVersion(number=1, next_offset=stream.next_offset, metrics={})
    guard = Guard(policy, version, looked_through=stream.next_offset - 1)
    guard.hold_against(base)
    return guard, learning
