"""What every strategy works with: the log, the version it starts from, the candidate it makes.

Imports no Django: usable as a library.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from typing import Any, Protocol, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from updates.learners.base import Learner, LearnReport, Progress
from updates.samples.batches import OFFSET
from updates.samples.schema import EVENT_TIME


class Log(Protocol):
    """The part of a sample log that training needs; see updates.samples.log.SampleLog."""

    def read(
        self, start: int, stop: int, since: datetime | None = None
    ) -> Iterator[pa.RecordBatch]: ...


class NothingToLearn(RuntimeError):
    """There are no samples for this update; says which were looked for."""


@dataclass(frozen=True)
class Part:
    """How far one component has learned: the first offset that it has not, and the newest event
    time that it has, None before its first sample."""

    next_offset: int = 1
    watermark: datetime | None = None

    def grown(self, stop: int, newest: datetime | None) -> Part:
        """Having learned up to offset ``stop`` (not included) as well."""
        known = [time for time in (self.watermark, newest) if time]
        return Part(max(stop, self.next_offset), max(known, default=None))

    def to_json(self) -> dict[str, Any]:
        """As stored with a version."""
        watermark = self.watermark.isoformat() if self.watermark else None
        return {"next_offset": self.next_offset, "watermark": watermark}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """What ``to_json`` gave."""
        watermark = stored["watermark"]
        return cls(stored["next_offset"], datetime.fromisoformat(watermark) if watermark else None)


class Coverage:
    """Mean share of looked-up values that had a vector, over the samples learned."""

    def __init__(self) -> None:
        self._samples, self._sum = 0, 0.0

    def count(self, report: LearnReport) -> None:
        """Nothing to count of a learner without embeddings."""
        if report.coverage is not None:
            self._samples += report.samples
            self._sum += report.samples * report.coverage

    @property
    def share(self) -> float | None:
        """None where nothing was counted."""
        return self._sum / self._samples if self._samples else None


@dataclass
class Candidate:
    """A learner with the record of what it learned, step by step.

    parts : how far each component has learned; those left out have learned nothing.
    learning : components that ``learn``, ``follow`` and ``replay`` change; by default all that
        samples move.
    steps : what was done in order, enough to do it again: {op, first_offset, last_offset, …}.
    samples : samples learned by this update, replayed ones included.
    renewed : components that this update has begun anew.
    """

    learner: Learner
    parts: dict[str, Part] = field(default_factory=dict)
    base_digest: str | None = None
    ranges: list[dict[str, Any]] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)
    samples: int = 0
    renewed: set[str] = field(default_factory=set)
    coverage: Coverage = field(default_factory=Coverage)
    learning: Sequence[str] = ()

    def __post_init__(self) -> None:
        names = self.learner.components
        self.parts = {name: self.parts.get(name, Part()) for name in names}
        self.learning = self.learning or self.learner.moved()

    @property
    def next_offset(self) -> int:
        """The first offset that no component has learned."""
        return max(part.next_offset for part in self.parts.values())

    @property
    def position(self) -> int:
        """Where learning goes on: the first offset that not all that learn have learned."""
        return min(self.parts[name].next_offset for name in self.learning)

    @property
    def watermark(self) -> datetime | None:
        """Newest event time learned, None before the first sample."""
        return max((part.watermark for part in self.parts.values() if part.watermark), default=None)

    def fit(
        self,
        log: Log,
        start: int,
        stop: int,
        *,
        since: datetime | None = None,
        components: Collection[str] | None = None,
        progress: Progress,
    ) -> None:
        """Begin anew with the components (None: all), and learn offsets [start, stop) with event
        times from ``since`` on. Raises NothingToLearn."""
        begun = self.learner.written(components or self.learner.components)
        seen = _Seen()
        self.learner.train(begun)
        self.coverage.count(self.learner.fit(seen.watch(log.read(start, stop, since)), progress))
        if not seen.samples:
            raise NothingToLearn(f"There are no samples among offsets {start} to {stop - 1}.")
        whole = begun == self.learner.components
        if whole:
            self.ranges = [_range(start, stop, since)]
        else:
            self._extend_ranges(start, stop)
        self.renewed |= set(begun)
        self.parts |= {name: Part(stop, seen.newest) for name in begun}
        self.samples += seen.samples
        named = {} if whole else {"components": list(begun)}
        self.steps.append({"op": "fit", **_range(start, stop, since), **named})

    def learn(self, log: Log, stop: int, *, progress: Progress) -> None:
        """Learn what follows, up to offset ``stop`` (not included), on top of what is known."""
        self.learn_to(log, dict.fromkeys(self.learning, stop), progress=progress)

    def learn_to(self, log: Log, stops: Mapping[str, int], *, progress: Progress) -> None:
        """As ``learn``, each component up to a stop of its own: no sample twice, none left out.

        Components at the same place learn together.
        """
        for start, stop, components in self._stretches(stops):
            self._learn(log, start, stop, components, progress)

    def _stretches(self, stops: Mapping[str, int]) -> list[tuple[int, int, list[str]]]:
        """[start, stop) in order, each with the components that have it before them."""
        ahead = {
            name: (self.parts[name].next_offset, stop)
            for name, stop in stops.items()
            if self.parts[name].next_offset < stop
        }
        marks = sorted({offset for ends in ahead.values() for offset in ends})
        stretches = [
            (one, other, [name for name, (a, b) in ahead.items() if a <= one and other <= b])
            for one, other in pairwise(marks)
        ]
        return [stretch for stretch in stretches if stretch[2]]

    def _learn(
        self, log: Log, start: int, stop: int, components: Collection[str], progress: Progress
    ) -> None:
        seen = _Seen()
        self._learn_batches(seen.watch(log.read(start, stop)), components, progress)
        self._grow(start, stop, seen.newest, components)
        self.samples += seen.samples
        self.steps.append(self._step("learn", start, stop, components))

    def follow(self, batch: pa.RecordBatch) -> np.ndarray:
        """Learn the numbered samples that come next; (n,) predictions made before each one.

        For a sequential learner: what it becomes does not depend on where batches are cut, so that
        one step stands for all of them. Raises ValueError where samples would be left out.
        """
        offsets = batch.column(OFFSET)
        start, stop = offsets[0].as_py(), offsets[-1].as_py() + 1
        if not start == self.next_offset == self.position:
            raise ValueError(f"offset must be {self.position} next, got {start}")
        self.learner.train(self.learning)
        report = self.learner.learn(batch)
        self.coverage.count(report)
        self._grow(start, stop, pc.max(batch.column(EVENT_TIME)).as_py(), self.learning)
        self.samples += batch.num_rows
        step = self._step("learn", start, stop, self.learning)
        last = self.steps[-1] if self.steps else {}
        goes_on = {**step, "first_offset": last.get("first_offset"), "last_offset": start - 1}
        if last == goes_on:
            self.steps[-1] = {**last, "last_offset": stop - 1}
        else:
            self.steps.append(step)
        return report.predictions

    def replay(self, log: Log, start: int, stop: int, *, progress: Progress) -> None:
        """Learn offsets that it has learned before, against forgetting; makes nothing fresher."""
        seen = _Seen()
        self._learn_batches(seen.watch(log.read(start, stop)), self.learning, progress)
        self.samples += seen.samples
        self.steps.append(self._step("replay", start, stop, self.learning))

    def redo(self, log: Log, step: Mapping[str, Any], *, progress: Progress) -> None:
        """Do once more what a step says."""
        start, stop = step["first_offset"], step["last_offset"] + 1
        components = step.get("components")
        if step["op"] == "fit":
            moment = step.get("event_time_from")
            since = datetime.fromisoformat(moment) if moment else None
            self.fit(log, start, stop, since=since, components=components, progress=progress)
            return
        self.learning = components or self.learner.moved()
        if step["op"] == "replay":
            self.replay(log, start, stop, progress=progress)
        else:
            self._learn(log, start, stop, self.learning, progress)

    def _learn_batches(
        self, batches: Iterator[pa.RecordBatch], components: Collection[str], progress: Progress
    ) -> None:
        self.learner.train(components)
        if self.learner.sequential:
            for batch in batches:
                self.coverage.count(self.learner.learn(batch, progress))
        else:
            # Such a learner's result depends on how samples are cut: it gets all of them at once.
            table = pa.Table.from_batches(list(batches)).combine_chunks()
            self.learner.learn(table.to_batches()[0], progress)

    def _grow(
        self, start: int, stop: int, newest: datetime | None, components: Collection[str]
    ) -> None:
        self._extend_ranges(start, stop)
        self.parts |= {name: self.parts[name].grown(stop, newest) for name in components}

    def _extend_ranges(self, start: int, stop: int) -> None:
        """Add what no component has learned before."""
        last = self.ranges[-1] if self.ranges else None
        if last and last["last_offset"] >= start - 1:
            self.ranges[-1] = {**last, "last_offset": max(stop - 1, last["last_offset"])}
        else:
            self.ranges.append(_range(start, stop))

    def _step(self, op: str, start: int, stop: int, components: Collection[str]) -> dict[str, Any]:
        usual = set(components) == set(self.learner.moved())
        named = {} if usual else {"components": list(self.learner.moved(components))}
        return {"op": op, **_range(start, stop), **named}


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
