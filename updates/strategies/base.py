"""What every strategy works with: the log, the version it starts from, the candidate it makes.

Imports no Django: usable as a library.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from updates.learners.base import Learner, Progress
from updates.samples.batches import OFFSET
from updates.samples.schema import EVENT_TIME


class Log(Protocol):
    """The part of a sample log that training needs; see updates.samples.log.SampleLog."""

    def read(
        self, start: int, stop: int, since: datetime | None = None
    ) -> Iterator[pa.RecordBatch]: ...


class NothingToLearn(RuntimeError):
    """There are no samples for this update; says which were looked for."""


@dataclass
class Candidate:
    """A learner with the record of what it learned, step by step.

    steps : what was done in order, enough to do it again: {op, first_offset, last_offset, …}.
    next_offset : first offset not learned yet.
    watermark : newest event time learned, None before the first sample.
    samples : samples learned by this update, replayed ones included.
    """

    learner: Learner
    next_offset: int = 1
    watermark: datetime | None = None
    base_digest: str | None = None
    ranges: list[dict[str, Any]] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    samples: int = 0

    def fit(
        self,
        log: Log,
        start: int,
        stop: int,
        *,
        since: datetime | None = None,
        progress: Progress,
    ) -> None:
        """Learn offsets [start, stop) with event times from ``since`` on, forgetting all else."""
        seen = _Seen()
        self.learner.fit(seen.watch(log.read(start, stop, since)), progress)
        if not seen.samples:
            raise NothingToLearn(f"There are no samples among offsets {start} to {stop - 1}.")
        self.ranges = [_range(start, stop, since)]
        self._note("fit", seen, start, stop, since)

    def learn(self, log: Log, stop: int, *, progress: Progress) -> None:
        """Learn what follows, up to offset ``stop`` (not included), on top of what is known."""
        start = self.next_offset
        if start >= stop:
            return
        seen = _Seen()
        self._learn_batches(seen.watch(log.read(start, stop)), progress)
        self._extend_ranges(start, stop)
        self._note("learn", seen, start, stop)

    def follow(self, batch: pa.RecordBatch) -> np.ndarray:
        """Learn the numbered samples that come next; (n,) predictions made before each one.

        For a sequential learner: what it becomes does not depend on where batches are cut, so that
        one step stands for all of them. Raises ValueError where samples would be left out.
        """
        offsets = batch.column(OFFSET)
        start, stop = offsets[0].as_py(), offsets[-1].as_py() + 1
        if start != self.next_offset:
            raise ValueError(f"offset must be {self.next_offset} next, got {start}")
        predictions = self.learner.learn(batch).predictions
        self._extend_ranges(start, stop)
        self.next_offset = stop
        self.samples += batch.num_rows
        newest = pc.max(batch.column(EVENT_TIME)).as_py()
        self.watermark = max(self.watermark or newest, newest)
        self._extend_steps(start, stop)
        return predictions

    def replay(self, log: Log, start: int, stop: int, *, progress: Progress) -> None:
        """Learn offsets that it has learned before, against forgetting; makes nothing fresher."""
        seen = _Seen()
        self._learn_batches(seen.watch(log.read(start, stop)), progress)
        self.samples += seen.samples
        self.steps.append({"op": "replay", **_range(start, stop)})

    def _learn_batches(self, batches: Iterator[pa.RecordBatch], progress: Progress) -> None:
        if self.learner.sequential:
            for batch in batches:
                self.learner.learn(batch, progress)
        else:
            # Such a learner's result depends on how samples are cut: it gets all of them at once.
            table = pa.Table.from_batches(list(batches)).combine_chunks()
            self.learner.learn(table.to_batches()[0], progress)

    def _extend_ranges(self, start: int, stop: int) -> None:
        last = self.ranges[-1] if self.ranges else None
        if last and last["last_offset"] == start - 1:
            self.ranges[-1] = {**last, "last_offset": stop - 1}
        else:
            self.ranges.append(_range(start, stop))

    def _extend_steps(self, start: int, stop: int) -> None:
        last = self.steps[-1] if self.steps else {}
        if last.get("op") == "learn" and last["last_offset"] == start - 1:
            self.steps[-1] = {**last, "last_offset": stop - 1}
        else:
            self.steps.append({"op": "learn", **_range(start, stop)})

    def _note(
        self, op: str, seen: _Seen, start: int, stop: int, since: datetime | None = None
    ) -> None:
        self.steps.append({"op": op, **_range(start, stop, since)})
        self.next_offset = stop
        self.samples += seen.samples
        times = [time for time in (self.watermark, seen.newest) if time]
        self.watermark = max(times, default=None)


class _Seen:
    """Counts the samples that pass by and remembers the newest event time."""

    def __init__(self) -> None:
        self.samples = 0
        self.newest: datetime | None = None

    def watch(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if not batch.num_rows:
                continue
            self.samples += batch.num_rows
            newest = pc.max(batch.column(EVENT_TIME)).as_py()
            self.newest = max(self.newest or newest, newest)
            yield batch


def _range(start: int, stop: int, since: datetime | None = None) -> dict[str, Any]:
    offsets = {"first_offset": start, "last_offset": stop - 1}
    return {**offsets, "event_time_from": since.isoformat()} if since else offsets
