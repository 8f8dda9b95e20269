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
from updates.samples.offsets import Range, Stretch, clip, count, rest, union
from updates.samples.schema import EVENT_TIME


class Log(Protocol):
    """The part of a sample log that training needs; see updates.samples.log.SampleLog.

    left_out : the offsets that ``read`` leaves out, whatever is asked for.
    """

    @property
    def left_out(self) -> Sequence[Range]: ...

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
    steps : what was done in order, enough to do it again: {op, first_offset, last_offset,
        without: ranges of these that were left out, …}.
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
        left_out = clip(log.left_out, start, stop)
        if whole:
            self.ranges = [_range(a, b + 1, since) for a, b in rest(left_out, start, stop)]
        else:
            self._extend_ranges(start, stop, left_out)
        self.renewed |= set(begun)
        self.parts |= {name: Part(stop, seen.newest) for name in begun}
        self.samples += seen.samples
        named = {} if whole else {"components": list(begun)}
        self.steps.append(
            {"op": "fit", **_range(start, stop, since), **named, **_without(left_out)}
        )

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
        left_out = clip(log.left_out, start, stop)
        self._grow(start, stop, seen.newest, components, left_out)
        self.samples += seen.samples
        self.steps.append(self._step("learn", start, stop, components, left_out))

    def follow(self, stretch: Stretch) -> np.ndarray:
        """Learn what comes next; (n,) predictions made before each sample.

        For a sequential learner: what it becomes does not depend on where stretches are cut, so
        that one step stands for all of them. Raises ValueError where samples would be missing.
        """
        start, samples = stretch.start, stretch.samples
        if not start == self.next_offset == self.position:
            raise ValueError(f"offset must be {self.position} next, got {start}")
        newest, predictions = None, np.empty(0)
        if samples.num_rows:
            self.learner.train(self.learning)
            report = self.learner.learn(samples)
            self.coverage.count(report)
            newest, predictions = pc.max(samples.column(EVENT_TIME)).as_py(), report.predictions
        self._grow(start, stretch.stop, newest, self.learning, stretch.left_out)
        self.samples += samples.num_rows
        self._add_following(
            self._step("learn", start, stretch.stop, self.learning, stretch.left_out)
        )
        return predictions

    def _add_following(self, step: dict[str, Any]) -> None:
        """One step with the last one where that is what it goes on from."""
        last = self.steps[-1] if self.steps else {}
        same = {"op", "components"}
        if last.get("last_offset") != step["first_offset"] - 1 or any(
            last.get(key) != step.get(key) for key in same
        ):
            self.steps.append(step)
            return
        left_out = union([*last.get("without", []), *step.get("without", [])])
        self.steps[-1] = {**last, "last_offset": step["last_offset"], **_without(left_out)}

    def taught(
        self, start: int, stop: int, newest: datetime, *, anew: bool, left_out: Sequence[Range]
    ) -> None:
        """Note that its own trainer had it learn offsets [start, stop), from nothing or on top of
        what it knew, and that it knows events up to ``newest``."""
        if anew:
            self.ranges, self.renewed = [], set(self.learner.components)
        left_out = clip(left_out, start, stop)
        self._extend_ranges(start, stop, left_out)
        self.parts = dict.fromkeys(self.learner.components, Part(stop, newest))
        self.samples += stop - start - count(left_out)
        step = {"op": "fit" if anew else "learn", **_range(start, stop), **_without(left_out)}
        self.steps.append(step)

    def replay(self, log: Log, start: int, stop: int, *, progress: Progress) -> None:
        """Learn offsets that it has learned before, against forgetting; makes nothing fresher."""
        seen = _Seen()
        self._learn_batches(seen.watch(log.read(start, stop)), self.learning, progress)
        self.samples += seen.samples
        left_out = clip(log.left_out, start, stop)
        self.steps.append(self._step("replay", start, stop, self.learning, left_out))

    def redo(self, log: Log, step: Mapping[str, Any], *, progress: Progress) -> None:
        """Do once more what a step says, without what the log leaves out now."""
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
        elif held := list(batches):
            # Such a learner's result depends on how samples are cut: it gets all of them at once.
            table = pa.Table.from_batches(held).combine_chunks()
            self.learner.learn(table.to_batches()[0], progress)

    def _grow(
        self,
        start: int,
        stop: int,
        newest: datetime | None,
        components: Collection[str],
        left_out: Sequence[Range],
    ) -> None:
        self._extend_ranges(start, stop, left_out)
        self.parts |= {name: self.parts[name].grown(stop, newest) for name in components}

    def _extend_ranges(self, start: int, stop: int, left_out: Sequence[Range]) -> None:
        """Add what no component has learned before."""
        for first, end in rest(left_out, start, stop):
            last = self.ranges[-1] if self.ranges else None
            if last and last["last_offset"] >= first - 1:
                self.ranges[-1] = {**last, "last_offset": max(end, last["last_offset"])}
            else:
                self.ranges.append(_range(first, end + 1))

    def _step(
        self,
        op: str,
        start: int,
        stop: int,
        components: Collection[str],
        left_out: Sequence[Range],
    ) -> dict[str, Any]:
        usual = set(components) == set(self.learner.moved())
        named = {} if usual else {"components": list(self.learner.moved(components))}
        return {"op": op, **_range(start, stop), **named, **_without(left_out)}


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


def _without(left_out: Sequence[Range]) -> dict[str, Any]:
    return {"without": [list(each) for each in left_out]} if left_out else {}
