"""The simulated feed, played live into eight recommenders that all get the same impressions.

A process that ends goes on where it stopped: the world is deterministic, so that how far it was
played, and the flash events that were asked for, are all there is to remember.
"""

from __future__ import annotations

import threading
import time

import numpy as np
import pyarrow as pa

from recadmin.demo import feed_state
from recadmin.demo.feed_fleet import SPEED
from recadmin.demo.feed_sending import Listener
from recadmin.demo.feed_state import FlashEvent
from recadmin.demo.set_up import first_update
from updates.models import Recommender
from updates.samples.batches import from_ms
from updates.samples.replay import TimeMap
from updates.simulation.rows import Impressions, impressions, rows
from updates.simulation.world import TICK_MS, TICKS_A_DAY, World

SEED = 1
HISTORY_DAYS = 3
IMPRESSIONS_A_TICK = 42  # some 100 a second
HISTORY_BATCH_TICKS = 48
BEAT_SECONDS = 0.8
# Nearly no click comes later than this.
LATEST_CLICK_TICKS = 24


class Feed:
    """The world, and who is told of it.

    lock : held while the world moves; whoever reads it in another thread takes it.
    """

    def __init__(self, recommenders: list[Recommender]) -> None:
        self.listeners = [Listener(recommender) for recommender in recommenders]
        self.world = World(SEED)
        self.lock = threading.Lock()
        self._catch_up(feed_state.played())
        self._noted = len(self.world.flashes)

    def _catch_up(self, until: int) -> None:
        """To where the feed stood when its process ended."""
        asked = [event.flash for event in reversed(feed_state.flashes()) if event.by]
        sent = _happening_now(until)
        while self.world.tick < until:
            self.world.step()
            for flash in asked:
                if flash.tick == self.world.tick:
                    self.world.flash(flash.place, whole_topic=flash.whole_topic)
            if self.world.tick > until - LATEST_CLICK_TICKS:
                self._show(sent)
        for listener in self.listeners:
            listener.forget(until * TICK_MS)

    def load_history(self) -> None:
        """Three days at once, with their labels, the last of them happening now."""
        end = round(HISTORY_DAYS * TICKS_A_DAY)
        to_present = _happening_now(end)
        while self.world.tick < end:
            parts = []
            for _ in range(HISTORY_BATCH_TICKS):
                self.world.step()
                shown = impressions(self.world, IMPRESSIONS_A_TICK)
                parts.append(self._rows(shown, to_present, shown.clicked))
            for listener in self.listeners:
                listener.load(pa.concat_batches(parts), self._name)
        self._note_flashes(to_present)
        feed_state.keep_played(self.world.tick)

    def train(self) -> None:
        """First versions, where there are none."""
        for listener in self.listeners:
            first_update(listener.recommender)

    def play(self) -> None:
        """Live, for ever."""
        to_present = _happening_now(self.world.tick)
        while True:
            self.beat(to_present)
            time.sleep(BEAT_SECONDS)
            if _ticks(to_present) - self.world.tick > TICKS_A_DAY:
                # The machine has slept: the feed has too.
                to_present = _happening_now(self.world.tick)

    def beat(self, to_present: TimeMap) -> None:
        """Play the ticks that have ended by now, and the clicks that have come."""
        while self.world.tick < _ticks(to_present):
            with self.lock:
                self._step(to_present)
            self._show(to_present)
        for listener in self.listeners:
            listener.send(self._name, self.world.tick * TICK_MS, to_present)
        feed_state.keep_played(self.world.tick)

    def _step(self, to_present: TimeMap) -> None:
        self.world.step()
        self._note_flashes(to_present)
        for name in feed_state.take_asked():
            self.world.flash(self.world.coolest_place(), whole_topic=True)
            self._note_flashes(to_present, by=name)

    def _note_flashes(self, to_present: TimeMap, by: str = "") -> None:
        """Tell the page of those that have happened since the last call."""
        for flash in self.world.flashes[self._noted :]:
            self._noted += 1
            at = to_present.to_present(np.array([flash.tick * TICK_MS]))
            feed_state.keep_flash(FlashEvent(self._noted, from_ms(int(at[0])), flash, by))

    def _show(self, to_present: TimeMap) -> None:
        shown = impressions(self.world, IMPRESSIONS_A_TICK)
        batch = self._rows(shown, to_present, np.zeros(len(shown.places)))
        for listener in self.listeners:
            listener.see(self.world.tick, shown, batch)

    def _rows(self, shown: Impressions, to_present: TimeMap, labels: np.ndarray) -> pa.RecordBatch:
        times = to_present.to_present(shown.shown_ms)
        return rows(self.world, shown.contexts, shown.places, times, labels)

    @property
    def _name(self) -> str:
        return f"feed-{self.world.tick}"


def _happening_now(tick: int) -> TimeMap:
    """The tick has just ended."""
    return TimeMap((tick + 1) * TICK_MS, _now_ms(), SPEED)


def _ticks(to_present: TimeMap) -> int:
    """Of those that have ended by now, the newest."""
    return to_present.to_recorded(_now_ms()) // TICK_MS - 1


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
