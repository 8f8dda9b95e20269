"""Which samples of a log are meant: by time, offset, batch and the values of features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from updates.models import ArchivedBatch
from updates.samples import offsets
from updates.samples.batches import OFFSET, to_ms
from updates.samples.log import LogGap, SampleLog
from updates.samples.schema import ARRIVED_AT, EVENT_TIME

MOST_SCANNED = 50_000_000
MOST_RANGES = 100_000


class SelectionError(ValueError):
    """The selection cannot be; names the field that is wrong."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field


@dataclass(frozen=True)
class Selection:
    """Samples that meet all that is given; times from the one on, and before the other.

    batch_prefix : of the Batch-Id under which they were sent: what the log knows of who sent them.
    where : value by feature; of a multivalued feature, one of its values.
    """

    event_time_from: datetime | None = None
    event_time_to: datetime | None = None
    arrived_from: datetime | None = None
    arrived_to: datetime | None = None
    first_offset: int | None = None
    last_offset: int | None = None
    batch_prefix: str = ""
    where: Mapping[str, str | float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.to_json():
            raise SelectionError("selection", "Say which samples: nothing is given.")
        for start, end in (
            ("event_time_from", "event_time_to"),
            ("arrived_from", "arrived_to"),
            ("first_offset", "last_offset"),
        ):
            one, other = getattr(self, start), getattr(self, end)
            if one is not None and other is not None and other < one:
                raise SelectionError(end, f"Must not be before {start}.")

    @property
    def scans(self) -> bool:
        """Whether samples have to be looked at, and not their offsets only."""
        times = (self.event_time_from, self.event_time_to, self.arrived_from, self.arrived_to)
        return bool(self.where) or any(times)

    def to_json(self) -> dict[str, Any]:
        """What is given, as stored."""
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in given.items()
            if value not in (None, "", {})
        }

    @classmethod
    def of_user(cls, log: SampleLog, user: str) -> Self:
        """All samples of a user. Raises SelectionError where samples are of no users."""
        name = log.recommender.sample_schema.user
        if name is None:
            raise SelectionError("user", "The samples of this recommender have no user.")
        return cls(where={name: user})


def select(log: SampleLog, selection: Selection) -> list[list[int]]:
    """The offsets meant, as ranges, quarantined already or not.

    Raises SelectionError, and what reading the log does.
    """
    spans = _spans(log, selection)
    if not spans or not selection.scans:
        return spans
    first, last = spans[0][0], spans[-1][1]
    if last - first >= MOST_SCANNED:
        raise SelectionError(
            "selection",
            f"{last - first + 1:,} samples would have to be looked at, at most {MOST_SCANNED:,} "
            "are: narrow it by first_offset and last_offset.",
        )
    raw, since = log.leaving_out([]), selection.event_time_from
    found = [
        numbers[_meets(batch, selection) & offsets.inside(numbers, spans)]
        for batch in raw.read(first, last + 1, since)
        for numbers in [batch.column(OFFSET).to_numpy()]
    ]
    ranges = offsets.of(np.concatenate(found)) if found else []
    if len(ranges) > MOST_RANGES:
        raise SelectionError(
            "selection",
            f"It falls into {len(ranges):,} separate ranges, at most {MOST_RANGES:,} can be kept.",
        )
    return ranges


def _spans(log: SampleLog, selection: Selection) -> list[list[int]]:
    """Where to look: the bounds given, and in them the batches meant."""
    unknown = sorted(set(selection.where) - {*log.recommender.sample_schema.arrow.names})
    if unknown:
        raise SelectionError("where", f"Samples have no {', '.join(unknown)}.")
    end = log.head().last_offset
    start, stop = selection.first_offset or 1, min(selection.last_offset or end, end) + 1
    if start >= stop:
        return []
    if not selection.batch_prefix:
        return [[start, stop - 1]]
    return offsets.clip(_batches(log, selection.batch_prefix, end), start, stop)


def _batches(log: SampleLog, prefix: str, end: int) -> list[list[int]]:
    archived = ArchivedBatch.objects.filter(
        recommender=log.recommender, batch_id__startswith=prefix
    ).values_list("first_offset", "last_offset")
    found, start = list(archived), log.archived_through() + 1
    try:
        found += [
            (entry.first_offset, entry.last_offset)
            for entry in log.stream.read(start, end + 1)
            if entry.batch_id.startswith(prefix)
        ]
    except LogGap:
        if log.archived_through() < start:
            raise
        return _batches(log, prefix, end)
    return offsets.union(found)


def _meets(batch: pa.RecordBatch, selection: Selection) -> np.ndarray:
    met = np.ones(batch.num_rows, bool)
    bounds = {
        EVENT_TIME: (selection.event_time_from, selection.event_time_to),
        ARRIVED_AT: (selection.arrived_from, selection.arrived_to),
    }
    for name, (start, end) in bounds.items():
        times = batch.column(name).view(pa.int64()).to_numpy()
        if start is not None:
            met &= times >= to_ms(start)
        if end is not None:
            met &= times < to_ms(end)
    for name, value in selection.where.items():
        met &= _has(batch.column(name), name, value)
    return met


def _has(column: pa.Array, name: str, value: str | float) -> np.ndarray:
    try:
        if pa.types.is_list(column.type):
            hits = pc.equal(column.flatten(), pa.scalar(str(value)))
            has = np.zeros(len(column), bool)
            has[pc.list_parent_indices(column).filter(hits).to_numpy()] = True
            return has
        wanted = str(value) if pa.types.is_string(column.type) else float(value)
        equal = pc.equal(column, pa.scalar(wanted, column.type))
    except (ValueError, TypeError, pa.ArrowInvalid) as error:
        raise SelectionError("where", f"{name}: {value!r} is no value of it.") from error
    found: np.ndarray = pc.fill_null(equal, False).to_numpy(zero_copy_only=False)
    return found
