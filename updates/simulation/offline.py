"""The fleet without servers: each recommender updated by its plans in simulated time."""

from __future__ import annotations

import time
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from updates.learners import registry
from updates.learners.base import Learner, no_progress
from updates.simulation.fleet import DEVICE_EVERY, JOIN_MINUTES, Entry, Plan
from updates.simulation.rows import PASSED_OVER_MINUTES, SCHEMA
from updates.strategies import full, incremental, local
from updates.strategies.backtest import TableLog
from updates.strategies.base import Candidate, NothingToLearn

MINUTE_MS = 60_000


class Played:
    """One recommender of the fleet.

    A sample is there to be learned ``JOIN_MINUTES`` after it was shown, as its label is waited for.

    updates, cpu_seconds : of all updates after the first; learning on devices is not ours to pay.
    """

    def __init__(self, entry: Entry, log: TableLog) -> None:
        self.entry = entry
        self.log = log
        self.updates, self.cpu_seconds = 0, 0.0
        self._due: dict[str, float] = {}
        self._live = Candidate(self._new_learner())
        self._devices = any(plan.strategy == "client" for plan in entry.plans)
        self._on_devices: Learner | None = None
        self._seen_by_devices = 0

    def _new_learner(self) -> Learner:
        return registry.get(self.entry.learner)(SCHEMA, self.entry.options)

    def begin(self, at_ms: int) -> None:
        """A first version of all that is there at a simulated time; plans count from now."""
        stop = self._offset(at_ms - JOIN_MINUTES * MINUTE_MS)
        self._live = self._full(stop, None)
        self._due = {
            plan.name: at_ms + plan.every_hours * 60 * MINUTE_MS
            for plan in self.entry.plans
            if plan.every_hours
        }
        self._refork()

    def advance(self, at_ms: int) -> None:
        """Whatever is due at a simulated time, and what never rests."""
        stop = self._offset(at_ms - JOIN_MINUTES * MINUTE_MS)
        for plan in self.entry.plans:
            if plan.every_hours and at_ms >= self._due[plan.name]:
                self._due[plan.name] += plan.every_hours * 60 * MINUTE_MS
                self._update(plan, stop)
                self._refork()
            elif plan.strategy == "online":
                self._update(plan, stop)
        if self._on_devices:
            self._learn_on_devices(self._offset(at_ms - PASSED_OVER_MINUTES * MINUTE_MS))

    def predict(self, batch: pa.RecordBatch) -> np.ndarray:
        """(n,) probabilities by what is served now."""
        return (self._on_devices or self._live.learner).predict(batch)

    def _update(self, plan: Plan, stop: int) -> None:
        began = time.process_time()
        try:
            self._train(plan, stop)
        except NothingToLearn:
            return
        self.cpu_seconds += time.process_time() - began
        self.updates += 1

    def _train(self, plan: Plan, stop: int) -> None:
        if plan.strategy == "full":
            self._live = self._full(stop, plan.window_hours)
        elif plan.strategy == "local":
            since = full.window_start(self.log.time_of(stop - 1), _seconds(plan.window_hours))
            local.train(
                self.log,
                self._live,
                plan.components,
                stop=stop,
                anew=since is not None,
                since=since,
                progress=no_progress,
            )
        else:
            self._live.learning = self._live.learner.moved()
            incremental.train(
                self.log, self._live, stop=stop, replay_fraction=0.0, progress=no_progress
            )

    def _full(self, stop: int, window_hours: float | None) -> Candidate:
        return full.train(
            self.log,
            self._new_learner(),
            stop=stop,
            newest=self.log.time_of(stop - 1),
            window_seconds=_seconds(window_hours),
            progress=no_progress,
        )

    def _refork(self) -> None:
        """Devices go on from the new version, whose items they take over."""
        if self._devices:
            self._on_devices = self._live.learner.snapshot()
            self._on_devices.train([self._on_devices.device_component])
            self._seen_by_devices = self._live.next_offset

    def _learn_on_devices(self, stop: int) -> None:
        for batch in self.log.read(self._seen_by_devices, stop):
            numbers = pc.cast(pc.utf8_slice_codeunits(batch.column("user"), 1), pa.int64())
            own = batch.filter(pa.array(numbers.to_numpy() % DEVICE_EVERY == 0))
            if self._on_devices and own.num_rows:
                self._on_devices.learn(own)
        self._seen_by_devices = max(stop, self._seen_by_devices)

    def _offset(self, at_ms: int) -> int:
        """The first that was shown later."""
        return int(np.searchsorted(self.log.times, at_ms, side="right")) + 1


def _seconds(hours: float | None) -> int | None:
    return None if hours is None else int(timedelta(hours=hours).total_seconds())
