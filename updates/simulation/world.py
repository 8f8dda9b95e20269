"""A news feed: who clicks what with which probability, and how that changes. Deterministic.

Log-odds of a click by user u on device d at hour h, on item i of topic t, source s and age a:

    b + activity_u + taste[segment_u, t] + device[d, t] + hour[h, t]
      + source_s + quality_i + ⟨user_u, item_i⟩ − DECAY·ln(1 + a / 6 h) + heat_t + heat_i

Tastes follow an Ornstein-Uhlenbeck process. An item dies at a constant rate, and a new one takes
its place. In a flash event a topic or an item turns hot at once and cools down exponentially.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

USERS, SEGMENTS, DEVICES = 2_000, 6, 3
ITEMS, TOPICS, SOURCES = 300, 12, 20
TICK_MINUTES = 5
TICKS_AN_HOUR, TICKS_A_DAY = 60 // TICK_MINUTES, 1_440 // TICK_MINUTES
HOUR_MS = 3_600_000
TICK_MS = TICK_MINUTES * 60_000

BASE = -2.0
ACTIVITY, TASTE, DEVICE, HOUR, SOURCE, QUALITY, AFFINITY = 0.4, 0.6, 0.2, 0.2, 0.3, 0.5, 0.3
DIMENSIONS = 4  # of the users' and items' hidden vectors
DECAY = 0.35
TASTE_DAYS = 4.0  # after which tastes have lost 63 % of what they were
LIFE_DAYS = 3.0
FLASH_HEAT, FLASH_HOURS = 2.0, 12.0  # log-odds at once; hours after which 63 % of them are gone
FLASH_DAYS = 2.0  # mean time between two that nobody asked for


class Contexts(NamedTuple):
    """Of n requests: (n,) users and the devices that they come on. The hour is the world's."""

    users: np.ndarray
    devices: np.ndarray


@dataclass(frozen=True)
class Flash:
    """A topic or one of its items turned hot.

    tick : when. place : of the item. topic : of the item, and hot itself where ``whole_topic``.
    """

    tick: int
    place: int
    topic: int
    whole_topic: bool


class World:
    """The feed as of a tick of five simulated minutes.

    Of its 300 places for items, each has a live one at any time.

    tick : ticks passed. flashes : all so far, the oldest first.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.tick = 0
        self.flashes: list[Flash] = []
        rng = np.random.default_rng([seed, 0])
        self.segment = rng.integers(0, SEGMENTS, USERS)
        self.usual_device = rng.integers(0, DEVICES, USERS)
        self.visits = rng.dirichlet(np.full(USERS, 2.0))
        self._activity = rng.normal(0, ACTIVITY, USERS)
        self._tastes_of_users = rng.normal(0, 1, (USERS, DIMENSIONS))
        self._taste = rng.normal(0, TASTE, (SEGMENTS, TOPICS))
        self._device = rng.normal(0, DEVICE, (DEVICES, TOPICS))
        self._hour = rng.normal(0, HOUR, (24, TOPICS))
        self._source = rng.normal(0, SOURCE, SOURCES)
        self._heat = np.zeros(TOPICS)
        self.topic, self.source = np.zeros((2, ITEMS), np.int64)
        self.born = np.zeros(ITEMS, np.int64)
        self.number = np.zeros(ITEMS, np.int64)
        self._quality, self._item_heat = np.zeros((2, ITEMS))
        self._vectors = np.zeros((ITEMS, DIMENSIONS))
        self._next_number = 1
        self._bear(np.arange(ITEMS), rng)
        self.born = -rng.geometric(_share(LIFE_DAYS), ITEMS)

    @property
    def hour(self) -> int:
        """Of the simulated day, 0 to 23."""
        return self.tick // TICKS_AN_HOUR % 24

    @property
    def age_hours(self) -> np.ndarray:
        """(300,) of the live items."""
        return (self.tick - self.born) / TICKS_AN_HOUR

    def rng(self, purpose: int) -> np.random.Generator:
        """Draws of this tick for a purpose (above 0), apart from those that move the world."""
        return np.random.default_rng([self.seed, self.tick, purpose])

    def step(self) -> None:
        """To the next tick: tastes drift, heat cools, items die and are born, flashes happen."""
        self.tick += 1
        rng = self.rng(0)
        kept = 1 - _share(TASTE_DAYS)
        self._taste *= kept
        self._taste += rng.normal(0, TASTE * np.sqrt(1 - kept**2), self._taste.shape)
        cooled = np.exp(-1 / (FLASH_HOURS * TICKS_AN_HOUR))
        self._heat *= cooled
        self._item_heat *= cooled
        self._bear(np.flatnonzero(rng.random(ITEMS) < _share(LIFE_DAYS)), rng)
        if rng.random() < _share(FLASH_DAYS):
            self.flash(place=int(rng.integers(0, ITEMS)), whole_topic=rng.random() < 0.5)

    def _bear(self, places: np.ndarray, rng: np.random.Generator) -> None:
        count = len(places)
        self.number[places] = self._next_number + np.arange(count)
        self._next_number += count
        self.born[places] = self.tick
        self.topic[places] = rng.integers(0, TOPICS, count)
        self.source[places] = rng.integers(0, SOURCES, count)
        self._quality[places] = rng.normal(0, QUALITY, count)
        self._item_heat[places] = 0
        self._vectors[places] = rng.normal(0, AFFINITY / np.sqrt(DIMENSIONS), (count, DIMENSIONS))

    def flash(self, place: int, *, whole_topic: bool) -> Flash:
        """The item in that place turns hot, or its whole topic; what was hot already is no hotter
        than a new one."""
        topic = int(self.topic[place])
        if whole_topic:
            self._heat[topic] = FLASH_HEAT
        else:
            self._item_heat[place] = FLASH_HEAT
        self.flashes.append(Flash(self.tick, place, topic, whole_topic))
        return self.flashes[-1]

    def coolest_place(self) -> int:
        """One whose topic the users like least now: if that turns hot, most changes."""
        liked = self._taste.mean(axis=0) + self._heat
        return int(np.argmin(liked[self.topic]))

    def contexts(self, count: int, purpose: int) -> Contexts:
        """So many requests as they come: some users often, mostly on their usual device."""
        rng = self.rng(purpose)
        users = rng.choice(USERS, count, p=self.visits)
        other = rng.random(count) < 0.2
        devices = np.where(other, rng.integers(0, DEVICES, count), self.usual_device[users])
        return Contexts(users, devices)

    def probabilities(self, contexts: Contexts, places: np.ndarray | None = None) -> np.ndarray:
        """(n, 300) true click probabilities of all items for n contexts, or (n,) of the item in
        one place for each."""
        if places is None:
            users, devices = contexts.users[:, None], contexts.devices[:, None]
            items = np.arange(ITEMS)[None, :]
            affinity = self._tastes_of_users[contexts.users] @ self._vectors.T
        else:
            users, devices, items = *contexts, places
            affinity = (self._tastes_of_users[users] * self._vectors[items]).sum(axis=1)
        topic = self.topic[items]
        of_item = (
            self._source[self.source]
            + self._quality
            + self._item_heat
            - DECAY * np.log1p(self.age_hours / 6)
        )
        log_odds = (
            BASE
            + self._activity[users]
            + self._taste[self.segment[users], topic]
            + self._device[devices, topic]
            + self._hour[self.hour, topic]
            + self._heat[topic]
            + of_item[items]
            + affinity
        )
        return np.asarray(1 / (1 + np.exp(-log_odds)))


def _share(days: float) -> float:
    """Probability in a tick of what happens once in so many days."""
    return 1 / (days * TICKS_A_DAY)
