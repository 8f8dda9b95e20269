"""Streams in which known facts change at a known instant: does the explanation name them?

What a user clicks depends on who it is, on the item, on the segment's taste in topics, and on the
hour's. At an instant, items turn hot or cold, tastes flip in one segment and hours do for one
topic, by PLANTED in log-odds either way; then the version is explained that learns what comes
after. Precision: of the first ten values named, the share that was planted. Recall: of those
planted, the share among these ten. Where nothing is planted nothing may be named.

``python -m updates.explain.planted`` prints docs/explanation.md's tables.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from scipy.special import expit

from updates.explain.frame import Frame
from updates.explain.report import Explanation, explain
from updates.explain.sentences import Numbers
from updates.explain.verdicts import Verdict
from updates.learners import registry
from updates.learners.base import Learner
from updates.samples.hashing import cross_name
from updates.samples.schema import EVENT_TIME, LABEL, WEIGHT, SampleSchema

SCHEMA = SampleSchema(
    user="user",
    item="item",
    categorical=("segment", "topic", "daypart", "device"),
    crosses=(("topic", "daypart"), ("segment", "topic")),
)
USERS, ITEMS, SEGMENTS, TOPICS, DAYPARTS, DEVICES = 3_000, 400, 6, 12, 4, 3
BASE_LOG_ODDS, PLANTED = -1.5, 1.0
HOT_ITEMS, FLIPPED_HOURS, FLIPPED_TASTES = 3, 2, 2
# Facts that few samples show cannot be found: planted items are among those that come most often.
FREQUENT_ITEMS = 60
FIRST_EVENT_MS, TOP = 1_767_225_600_000, 10
Fact = tuple[str, str]


@dataclass(frozen=True)
class World:
    """What decides clicks, in log-odds; ``segment`` and ``topic`` are whose users and items are."""

    segment: np.ndarray
    topic: np.ndarray
    activity: np.ndarray
    appeal: np.ndarray
    taste: np.ndarray
    hours: np.ndarray
    device: np.ndarray

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> World:
        """Any."""
        return cls(
            rng.integers(0, SEGMENTS, USERS),
            rng.integers(0, TOPICS, ITEMS),
            rng.normal(0, 0.5, USERS),
            rng.normal(0, 0.5, ITEMS),
            rng.normal(0, 0.4, (SEGMENTS, TOPICS)),
            rng.normal(0, 0.3, (TOPICS, DAYPARTS)),
            rng.normal(0, 0.2, DEVICES),
        )

    def changed(self, rng: np.random.Generator) -> tuple[World, set[Fact]]:
        """Another one, and what is different in it."""
        appeal, hours, taste = self.appeal.copy(), self.hours.copy(), self.taste.copy()
        items = rng.choice(FREQUENT_ITEMS, HOT_ITEMS, replace=False)
        appeal[items] += PLANTED * rng.choice([-1, 1], HOT_ITEMS)
        facts = {("item", str(item)) for item in items}
        for table, count, names in (
            (hours, FLIPPED_HOURS, ("topic", "daypart")),
            (taste, FLIPPED_TASTES, ("segment", "topic")),
        ):
            for cell in rng.choice(table.size, count, replace=False):
                left, right = divmod(int(cell), table.shape[1])
                table[left, right] += PLANTED * rng.choice([-1, 1])
                facts.add((cross_name(*names), cross_name(str(left), str(right))))
        return replace(self, appeal=appeal, hours=hours, taste=taste), facts

    def samples(self, rng: np.random.Generator, count: int, first_ms: int) -> pa.Table:
        """So many, one a millisecond."""
        users = (USERS * rng.random(count) ** 2).astype(np.int64)  # some come far more often
        items = (ITEMS * rng.random(count) ** 2).astype(np.int64)
        dayparts, devices = rng.integers(0, DAYPARTS, count), rng.integers(0, DEVICES, count)
        segments, topics = self.segment[users], self.topic[items]
        log_odds = (
            BASE_LOG_ODDS
            + self.activity[users]
            + self.appeal[items]
            + self.taste[segments, topics]
            + self.hours[topics, dayparts]
            + self.device[devices]
        )
        columns = {
            LABEL: pa.array((rng.random(count) < expit(log_odds)).astype(np.float32)),
            EVENT_TIME: pa.array(first_ms + np.arange(count)),
            WEIGHT: pa.array(np.ones(count, np.float32)),
            "user": _texts(users),
            "item": _texts(items),
            "segment": _texts(segments),
            "topic": _texts(topics),
            "daypart": _texts(dayparts),
            "device": _texts(devices),
        }
        return pa.table(columns).cast(SCHEMA.arrow)


def _texts(numbers: np.ndarray) -> pa.Array:
    return pa.array(numbers).cast(pa.string())


@dataclass(frozen=True)
class Sizes:
    """Samples before the instant; those that the update learns; those that come after it."""

    before: int = 60_000
    news: int = 20_000
    since: int = 20_000


@dataclass(frozen=True)
class Outcome:
    """What was planted, and the explanation."""

    facts: set[Fact]
    explanation: Explanation

    @property
    def named(self) -> list[Fact]:
        """What the explanation says was learned, the surest first."""
        learned = self.explanation.learned
        return [(one.value.feature, one.value.value) for one in learned if one.taken_up]


def outcome(learner: Callable[[], Learner], sizes: Sizes, seed: int, *, planted: bool) -> Outcome:
    """One stream, explained. Versions and labels are those that a log would give."""
    rng = np.random.default_rng(seed)
    world = World.drawn(rng)
    before = world.samples(rng, sizes.before, FIRST_EVENT_MS)
    world, facts = world.changed(rng) if planted else (world, set())
    after = world.samples(rng, sizes.news + sizes.since, FIRST_EVENT_MS + sizes.before)
    table = pa.concat_tables([before, after]).combine_chunks()
    [batch] = table.to_batches()
    first_since = sizes.before + sizes.news
    against, version = learner(), learner()
    for one in (against, version):
        one.fit([batch.slice(0, sizes.before)])
    version.learn(batch.slice(sizes.before, sizes.news))
    frame = Frame(
        schema=SCHEMA,
        table=table,
        offsets=np.arange(table.num_rows),
        first_news=sizes.before,
        first_since=first_since,
        labels=table.column(LABEL).to_numpy().astype(np.float64),
        weights=np.ones(table.num_rows),
        against=against.predict(batch),
        version=version.predict(batch),
    )
    return Outcome(facts, explain(frame, Numbers(2, 1, 1), against, version, learned_on=True))


@dataclass(frozen=True)
class Found:
    """Of all streams together; verdicts: of slices of values that were named, right and wrong."""

    precision: float
    recall: float
    right: int
    wrong: int


def found(outcomes: Collection[Outcome]) -> Found:
    """How well what was planted was named."""
    tops = [(one.facts, one.named[:TOP]) for one in outcomes]
    hits = sum(len(facts.intersection(named)) for facts, named in tops)
    verdicts = [
        slice_.verdict
        for one in outcomes
        for slice_ in one.explanation.slices
        if (slice_.value.feature, slice_.value.value) in one.named
    ]
    return Found(
        hits / max(1, sum(len(named) for _, named in tops)),
        hits / max(1, sum(len(facts) for facts, _ in tops)),
        verdicts.count(Verdict.RIGHT),
        verdicts.count(Verdict.WRONG),
    )


def main() -> None:
    """Print both tables for a learner."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--learner", default="sparse_linear")
    parser.add_argument("--streams", type=int, default=20, help="with facts planted, a size each")
    parser.add_argument("--null", type=int, default=100, help="streams without any")
    chosen = parser.parse_args()

    def learner() -> Learner:
        options: dict[str, Any] = {}
        return registry.get(chosen.learner)(SCHEMA, options)

    print("| samples learned | precision | recall | right | wrong |\n|---:|---:|---:|---:|---:|")
    for news in (5_000, 20_000, 40_000):
        sizes = replace(Sizes(), news=news)
        streams = [outcome(learner, sizes, seed, planted=True) for seed in range(chosen.streams)]
        all_in_all = found(streams)
        print(
            f"| {news:,} | {all_in_all.precision:.2f} | {all_in_all.recall:.2f} "
            f"| {all_in_all.right} | {all_in_all.wrong} |",
            flush=True,
        )
    without = [outcome(learner, Sizes(), seed, planted=False) for seed in range(chosen.null)]
    wrong = sum(bool(one.named) for one in without)
    print(f"\nNothing planted: {wrong} of {chosen.null} explanations name anything.")


if __name__ == "__main__":
    main()
