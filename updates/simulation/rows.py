"""The feed in the form that recommenders read, and clicks that come late."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from updates.samples.schema import EVENT_TIME, LABEL, TIMESTAMP, WEIGHT, SampleSchema
from updates.simulation.world import DEVICES, ITEMS, SOURCES, TICK_MS, TOPICS, Contexts, World

SCHEMA = SampleSchema(
    user="user",
    item="item",
    categorical=("segment", "device", "hour", "topic", "source", "age"),
    crosses=(("segment", "topic"), ("device", "topic"), ("hour", "topic")),
)
AGES = ("under 1 h", "1 to 3 h", "3 to 12 h", "12 to 48 h", "over 48 h")
AGE_HOURS = (1, 3, 12, 48)
DELAY_MINUTES = 5.0  # mean of the exponential distribution
# After which an impression that was not clicked counts as passed over, to who saw it.
PASSED_OVER_MINUTES = 10
_SHOWN, _CLICKED = 1, 2


class Impressions(NamedTuple):
    """What was shown in one tick, to n users.

    contexts, places : to whom, and the place of the item. clicked : (n,) bool. delays_ms : (n,)
    from impression to click, where there is one, in simulated time. shown_ms : (n,) simulated
    time since the beginning, rising.
    """

    contexts: Contexts
    places: np.ndarray
    clicked: np.ndarray
    delays_ms: np.ndarray
    shown_ms: np.ndarray


def impressions(world: World, count: int) -> Impressions:
    """Items drawn uniformly at random, whatever any recommender would show: all learn from the same
    impressions, and none from what it preferred itself."""
    contexts = world.contexts(count, _SHOWN)
    rng = world.rng(_CLICKED)
    places = rng.integers(0, ITEMS, count)
    clicked = rng.random(count) < world.probabilities(contexts, places)
    delays = rng.exponential(DELAY_MINUTES * 60_000, count).astype(np.int64)
    shown = world.tick * TICK_MS + np.sort(rng.integers(0, TICK_MS, count))
    return Impressions(contexts, places, clicked, delays, shown)


def rows(
    world: World, contexts: Contexts, places: np.ndarray, times_ms: np.ndarray, labels: np.ndarray
) -> pa.RecordBatch:
    """Samples with the columns of ``SCHEMA.arrow``: (n,) items by place, epoch ms, and labels."""
    count = len(places)
    ages = np.searchsorted(AGE_HOURS, world.age_hours[places], side="right")
    columns = {
        LABEL: pa.array(labels.astype(np.float32)),
        EVENT_TIME: pa.array(times_ms.astype(np.int64)).view(TIMESTAMP),
        WEIGHT: pa.array(np.ones(count, np.float32)),
        "user": _named("u", contexts.users),
        "item": _named("item-", world.number[places]),
        "segment": _texts("segment", world.segment[contexts.users], 6),
        "device": _texts("device", contexts.devices, DEVICES),
        "hour": _texts("", np.full(count, world.hour), 24),
        "topic": _texts("topic", world.topic[places], TOPICS),
        "source": _texts("source", world.source[places], SOURCES),
        "age": pa.array(AGES).take(pa.array(ages)),
    }
    return pa.RecordBatch.from_pydict(columns, schema=SCHEMA.arrow)


def candidates(world: World, contexts: Contexts) -> pa.RecordBatch:
    """All live items for each of n contexts, n × 300 rows, context by context."""
    count = len(contexts.users)
    each = Contexts(*(np.repeat(column, ITEMS) for column in contexts))
    places = np.tile(np.arange(ITEMS), count)
    nothing = np.zeros(count * ITEMS)
    return rows(world, each, places, nothing, nothing)


def _texts(kind: str, numbers: np.ndarray, count: int) -> pa.Array:
    names = [f"{kind} {number}".strip() for number in range(count)]
    return pa.array(names).take(pa.array(numbers))


def _named(prefix: str, numbers: np.ndarray) -> pa.Array:
    distinct, inverse = np.unique(numbers, return_inverse=True)
    return pa.array([f"{prefix}{number}" for number in distinct]).take(pa.array(inverse))
