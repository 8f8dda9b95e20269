"""What an update policy would have been worth: recorded samples replayed under it.

Every sample after the start is predicted by the version that would have been live when it came,
then belongs to what later updates may learn (progressive validation, Blum et al. 1999). No Django.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from updates.learners.base import Learner, no_progress
from updates.metrics import Quality, quality
from updates.samples.schema import EVENT_TIME, LABEL, WEIGHT
from updates.strategies import full, incremental
from updates.strategies.base import Candidate

CHUNK_ROWS = 65_536


class TableLog:
    """A table in memory, its rows in event-time order, read as a sample log with offsets from 1."""

    left_out = ()

    def __init__(self, table: pa.Table) -> None:
        self.table = table.combine_chunks()
        self.times: np.ndarray = (
            self.table.column(EVENT_TIME).to_numpy().astype("datetime64[ms]").astype(np.int64)
        )

    def read(
        self, start: int, stop: int, since: datetime | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Rows of offsets [start, stop), those from ``since`` on."""
        if since is not None:
            start = max(start, self.offset_at(since))
        rows = self.table.slice(start - 1, max(0, stop - start))
        yield from rows.to_batches(max_chunksize=CHUNK_ROWS)

    def offset_at(self, moment: datetime) -> int:
        """The first offset whose event time is not before the moment."""
        milliseconds = moment.timestamp() * 1000
        return int(np.searchsorted(self.times, milliseconds, side="left")) + 1

    def time_of(self, offset: int) -> datetime:
        """Event time of a sample."""
        return datetime.fromtimestamp(self.times[offset - 1] / 1000, UTC)


@dataclass(frozen=True)
class Plan:
    """Updates at fixed distances in event time; ``every`` None means never again."""

    name: str
    strategy: str
    every: timedelta | None


@dataclass(frozen=True)
class Outcome:
    """Quality over all samples after the start, and what the updates cost."""

    plan: Plan
    quality: Quality
    updates: int
    cpu_seconds: float


def backtest(log: TableLog, make_learner: Callable[[], Learner], plan: Plan, start: int) -> Outcome:
    """Replay from offset ``start``; what lies before it trains the first version."""
    total = log.table.num_rows
    live = _full(log, make_learner(), start)
    predictions = np.empty(total + 1 - start)
    spent, updates, offset = 0.0, 0, start
    for stop in _update_offsets(log, plan, start, total):
        predictions[offset - start : stop - start] = _predict(live, log, offset, stop)
        offset = stop
        if stop > total:
            break
        began = time.process_time()
        live = _update(log, make_learner, plan, live, stop)
        spent += time.process_time() - began
        updates += 1
    rest = log.table.slice(start - 1)
    labels = rest.column(LABEL).to_numpy().astype(np.float64)
    weights = rest.column(WEIGHT).to_numpy().astype(np.float64)
    return Outcome(plan, quality(labels, predictions, weights), updates, spent)


def _update_offsets(log: TableLog, plan: Plan, start: int, total: int) -> Iterator[int]:
    """Offsets before which the plan updates, then the end; an update without samples is none."""
    if plan.every is not None:
        moment, seen = log.time_of(start) + plan.every, start
        while (offset := log.offset_at(moment)) <= total:
            if offset > seen:
                yield offset
                seen = offset
            moment += plan.every
    yield total + 1


def _update(
    log: TableLog, make_learner: Callable[[], Learner], plan: Plan, live: Candidate, stop: int
) -> Candidate:
    if plan.strategy == "full":
        return _full(log, make_learner(), stop)
    return incremental.train(log, live, stop=stop, replay_fraction=0.0, progress=no_progress)


def _full(log: TableLog, learner: Learner, stop: int) -> Candidate:
    return full.train(
        log,
        learner,
        stop=stop,
        newest=log.time_of(stop - 1),
        window_seconds=None,
        progress=no_progress,
    )


def _predict(live: Candidate, log: TableLog, start: int, stop: int) -> np.ndarray:
    parts = [live.learner.predict(batch) for batch in log.read(start, stop)]
    return np.concatenate(parts) if parts else np.empty(0)
