"""Measures how far what is served is from the best possible, and who follows flash events."""

from __future__ import annotations

import logging
import time
from collections import defaultdict, deque
from dataclasses import replace
from datetime import datetime

import numpy as np
from django.utils import timezone

from monitoring import metrics
from monitoring.series import GRID_SECONDS, Measurement, record_all
from recadmin.demo import feed_state
from recadmin.demo.feed import Feed
from updates.models import Recommender
from updates.samples.batches import from_ms
from updates.serving import scorer
from updates.serving.scorer import NoLiveVersion
from updates.simulation.recovery import LONGEST_HOURS, recovery
from updates.simulation.regret import Distance, distance
from updates.simulation.rows import candidates
from updates.simulation.world import TICKS_AN_HOUR

logger = logging.getLogger(__name__)

EVERY_SECONDS = 2.0
CONTEXTS = 40
PANEL = 9
# Of measurements, so that each event has all that came before and after it.
KEPT = 400


class Meter:
    """The same requests again and again, so that what changes are world and models, not users."""

    def __init__(self, feed: Feed, recommenders: list[Recommender]) -> None:
        self.feed = feed
        self.recommenders = recommenders
        self._panel = feed.world.contexts(CONTEXTS, PANEL)
        self._hours: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=KEPT))
        self._regrets: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=KEPT))
        self._cell = 0
        self._in_cell: dict[int, list[Distance]] = {}

    def run(self) -> None:
        """For ever."""
        while True:
            began = time.monotonic()
            self.measure(timezone.now())
            time.sleep(max(0.1, EVERY_SECONDS - (time.monotonic() - began)))

    def measure(self, now: datetime) -> None:
        """Once, of all that have a version; the mean of a grid cell is recorded when it ends."""
        with self.feed.lock:
            rows = candidates(self.feed.world, self._panel)
            true = self.feed.world.probabilities(self._panel)
            tick = self.feed.world.tick
        cell = int(now.timestamp()) // GRID_SECONDS * GRID_SECONDS
        if cell != self._cell:
            self._record()
            self._cell = cell
        for recommender in self.recommenders:
            try:
                predicted = scorer.process_scorer().predict(recommender, rows)
            except NoLiveVersion:
                continue
            found = distance(true, predicted.reshape(true.shape))
            self._in_cell.setdefault(recommender.pk, []).append(found)
            self._hours[recommender.slug].append(tick / TICKS_AN_HOUR)
            self._regrets[recommender.slug].append(found.regret)
        self._follow_flashes(tick / TICKS_AN_HOUR)

    def _record(self) -> None:
        at = from_ms(1000 * self._cell)
        means = {pk: np.mean(found, axis=0).tolist() for pk, found in self._in_cell.items()}
        self._in_cell = {}
        record_all(
            Measurement(pk, name, value, at)
            for pk, mean in means.items()
            for name, value in zip((metrics.REGRET, metrics.EXCESS_LOG_LOSS), mean, strict=True)
        )

    def _follow_flashes(self, hour: float) -> None:
        """Say of the events of the last day who has followed them by now."""
        for event in feed_state.flashes():
            began = event.flash.tick / TICKS_AN_HOUR
            if began < hour - LONGEST_HOURS:
                return
            found = {
                slug: recovery(self._hours[slug], self._regrets[slug], began)
                for slug in list(self._hours)
            }
            known = {slug: one for slug, one in found.items() if one is not None}
            # Of what was before this process began, what another found out stays.
            jumps = {**event.jumps, **{slug: one.jump for slug, one in known.items()}}
            hours = {**event.hours, **{slug: one.hours for slug, one in known.items()}}
            feed_state.keep_flash(replace(event, jumps=jumps, hours=hours))
