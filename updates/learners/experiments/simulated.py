"""A simulated stream of clicks, day by day, on which what is learned grows old.

What a user clicks depends on who it is, on the item, and on both together in ways that no single
value shows: segments like categories, prices are judged by segment, hours by category. Items'
appeal wanders from day to day, items come and go, tastes turn slowly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from updates.samples.schema import EVENT_TIME, LABEL, WEIGHT, SampleSchema

SCHEMA = SampleSchema(
    user="user",
    item="item",
    categorical=("segment", "category", "placement", "hour"),
    numeric=("price",),
    crosses=(("segment", "category"),),
)
USERS, ITEMS, SEGMENTS, CATEGORIES, PLACEMENTS, HOURS = 30_000, 3_000, 8, 25, 6, 24
DAY_MS = 86_400_000
FIRST_EVENT_MS = 1_767_225_600_000  # 2026-01-01
BASE_LOG_ODDS = -2.2
APPEAL, APPEAL_KEPT, RENEWED = 0.7, 0.9, 0.03  # spread; share kept and items renewed in a day


@dataclass
class _World:
    """What decides clicks, as of a day."""

    rng: np.random.Generator

    def __post_init__(self) -> None:
        rng = self.rng
        self.segment = rng.integers(0, SEGMENTS, USERS)
        self.activity = rng.normal(0, 0.6, USERS)
        self.category = rng.integers(0, CATEGORIES, ITEMS)
        self.price = rng.lognormal(2, 1, ITEMS)
        self.appeal = rng.normal(0, APPEAL, ITEMS)
        self.names = np.arange(ITEMS)
        self.placement = rng.normal(0, 0.5, PLACEMENTS)
        self.taste = rng.normal(0, 0.7, (SEGMENTS, CATEGORIES))
        self.dear = rng.normal(2, 0.7, SEGMENTS)
        self.hours = rng.normal(0, 0.4, (HOURS, CATEGORIES))

    def next_day(self) -> None:
        rng, kept = self.rng, APPEAL_KEPT
        step = APPEAL * np.sqrt(1 - kept**2)
        self.appeal = kept * self.appeal + rng.normal(0, step, ITEMS)
        self.taste += rng.normal(0, 0.05, self.taste.shape)
        new = np.flatnonzero(rng.random(ITEMS) < RENEWED)
        self.names[new] = self.names.max() + 1 + np.arange(len(new))
        self.price[new] = rng.lognormal(2, 1, len(new))
        self.appeal[new] = rng.normal(0, APPEAL, len(new))

    def log_odds(
        self, users: np.ndarray, items: np.ndarray, places: np.ndarray, hours: np.ndarray
    ) -> np.ndarray:
        segment, category = self.segment[users], self.category[items]
        # Liked near the segment's price; who is active minds an unappealing item less.
        distance = np.abs(np.log(self.price[items]) - self.dear[segment])
        appeal = self.appeal[items] * np.where(self.activity[users] > 0, 0.5, 1.5)
        return np.asarray(
            BASE_LOG_ODDS
            + self.activity[users]
            + appeal
            + self.placement[places]
            + self.taste[segment, category]
            + self.hours[hours, category]
            - 0.6 * np.minimum(distance, 2)
        )


def days(samples: int, count: int, seed: int = 1) -> Iterator[pa.Table]:
    """``count`` days of equally many samples, ``samples`` in all, in order of time."""
    world = _World(np.random.default_rng(seed))
    for number in range(count):
        yield _day(world, samples // count, FIRST_EVENT_MS + number * DAY_MS)
        world.next_day()


def _day(world: _World, rows: int, start_ms: int) -> pa.Table:
    rng = world.rng
    offsets = np.sort(rng.integers(0, DAY_MS, rows))
    hours = offsets // (DAY_MS // HOURS)
    users = (USERS * rng.random(rows) ** 2).astype(np.int64)  # some come far more often
    items = (ITEMS * rng.random(rows) ** 2).astype(np.int64)
    places = rng.integers(0, PLACEMENTS, rows)
    probabilities = 1 / (1 + np.exp(-world.log_odds(users, items, places, hours)))
    columns = {
        LABEL: pa.array((rng.random(rows) < probabilities).astype(np.float32)),
        EVENT_TIME: pa.array(start_ms + offsets),
        WEIGHT: pa.array(np.ones(rows, np.float32)),
        "user": _texts(users),
        "item": _texts(world.names[items]),
        "segment": _texts(world.segment[users]),
        "category": _texts(world.category[items]),
        "placement": _texts(places),
        "hour": _texts(hours),
        "price": pa.array(world.price[items]),
    }
    return pa.table(columns).cast(SCHEMA.arrow)


def _texts(numbers: np.ndarray) -> pa.Array:
    return pa.array(numbers).cast(pa.string())
