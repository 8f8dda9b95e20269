"""Impressions and clicks of the feed on their way to its recommenders."""

from __future__ import annotations

import heapq
import logging
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import numpy as np
import pyarrow as pa

from recadmin.demo.feed_devices import Devices, on_devices
from updates.flows.append_samples import append_samples
from updates.flows.take_feedback import take_feedback
from updates.flows.take_impressions import take_impressions
from updates.models import Recommender
from updates.models.policy import Strategy
from updates.samples.checks import FEEDBACK_COLUMNS, IMPRESSION_FIELD
from updates.samples.durable import LogUnavailable
from updates.samples.joiner import RequestConflict
from updates.samples.replay import TimeMap
from updates.samples.schema import TIMESTAMP
from updates.samples.stream import BatchConflict
from updates.simulation.rows import Impressions

logger = logging.getLogger(__name__)

RETRY_SECONDS = 1.0


class Listener:
    """One recommender, and what of the feed it has not been told yet.

    Of users with devices it hears from these alone, so that it learns each impression once.
    """

    def __init__(self, recommender: Recommender) -> None:
        self.recommender = recommender
        with_devices = recommender.policies.filter(strategy=Strategy.CLIENT).exists()
        self._devices = Devices(recommender) if with_devices else None
        self._shown: list[pa.RecordBatch] = []
        self._clicks: list[tuple[int, str]] = []

    def see(self, tick: int, shown: Impressions, rows: pa.RecordBatch) -> None:
        """Impressions of a tick, and as rows."""
        ids = [f"feed-{tick}-{row}" for row in range(len(shown.places))]
        told = np.ones(len(shown.places), bool)
        if self._devices:
            told = ~on_devices(shown)
            self._devices.see(shown, rows, ids)
        named = rows.add_column(0, IMPRESSION_FIELD, pa.array(ids))
        self._shown.append(named.filter(pa.array(told)))
        due = shown.shown_ms + shown.delays_ms
        for row in np.flatnonzero(shown.clicked & told):
            heapq.heappush(self._clicks, (int(due[row]), ids[row]))

    def forget(self, until_ms: int) -> None:
        """What was sent by then, by a process that has ended."""
        self._shown.clear()
        self._take_clicks(until_ms)
        if self._devices:
            self._devices.take(until_ms)

    def send(self, name: str, until_ms: int, to_present: TimeMap) -> None:
        """What was shown, and the clicks that have come by then. name : tells it from the rest."""
        if self._shown:
            batch = pa.concat_batches(self._shown)
            self._shown.clear()
            _send(lambda: take_impressions(self.recommender, batch, batch_id=name))
        if clicks := self._take_clicks(until_ms):
            feedback = _feedback(clicks, to_present)
            _send(lambda: take_feedback(self.recommender, feedback, batch_id=name))
        if self._devices:
            self._devices.send(until_ms, to_present)

    def _take_clicks(self, until_ms: int) -> list[tuple[int, str]]:
        due = []
        while self._clicks and self._clicks[0][0] <= until_ms:
            due.append(heapq.heappop(self._clicks))
        return due

    def load(self, batch: pa.RecordBatch, name: str) -> None:
        """Samples with their labels, at once."""
        _send(lambda: append_samples(self.recommender, batch, batch_id=name))


def _feedback(clicks: Sequence[tuple[int, str]], to_present: TimeMap) -> pa.RecordBatch:
    times = to_present.to_present(np.array([at for at, _ in clicks], np.int64))
    columns = [
        pa.array([name for _, name in clicks], pa.string()),
        pa.array(times).view(TIMESTAMP),
        pa.array(np.ones(len(clicks), np.float32)),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=FEEDBACK_COLUMNS)


def _send(request: Callable[[], object]) -> None:
    """Until it is stored. What a process sent that died before noting it is known by its name, with
    other event times."""
    with suppress(BatchConflict, RequestConflict):
        while True:
            try:
                request()
                return
            except LogUnavailable as error:
                logger.warning("waiting for the log: %s", error)
                time.sleep(RETRY_SECONDS)
