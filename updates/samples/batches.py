"""Batches as they come out of the log: numbered, in the present schema, cut at fixed sizes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from updates.samples.columns import READERS
from updates.samples.errors import ParseError
from updates.samples.schema import ARRIVED_AT, EVENT_TIME, TIMESTAMP

OFFSET = "offset"
POSITION = (
    pa.field(OFFSET, pa.int64(), nullable=False),
    pa.field(ARRIVED_AT, TIMESTAMP, nullable=False),
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def to_ms(time: datetime) -> int:
    """Epoch milliseconds of an aware time, rounded down."""
    return (time - EPOCH) // MILLISECOND


def from_ms(milliseconds: int) -> datetime:
    """The UTC time of epoch milliseconds."""
    return EPOCH + milliseconds * MILLISECOND


def newest_event_time_ms(batch: pa.RecordBatch) -> int:
    """Epoch milliseconds of the newest sample of a batch with at least one."""
    return int(pc.max(batch.column(EVENT_TIME)).value)


def number(batch: pa.RecordBatch, first_offset: int, arrived_at_ms: int) -> pa.RecordBatch:
    """The batch with its samples' offsets and time of arrival in front."""
    offsets = np.arange(first_offset, first_offset + batch.num_rows, dtype=np.int64)
    arrived = np.full(batch.num_rows, arrived_at_ms, dtype="datetime64[ms]")
    return pa.record_batch(
        [pa.array(offsets), pa.array(arrived, TIMESTAMP), *batch.columns],
        schema=pa.schema([*POSITION, *batch.schema]),
    )


def within(batch: pa.RecordBatch, start: int, stop: int, since_ms: int | None) -> pa.RecordBatch:
    """The samples of a numbered batch with offsets [start, stop), event times from ``since_ms``."""
    first = batch.column(OFFSET)[0].as_py() if batch.num_rows else start
    begin = max(start - first, 0)
    batch = batch.slice(begin, max(stop - first - begin, 0))
    if since_ms is None:
        return batch
    return batch.filter(pc.greater_equal(batch.column(EVENT_TIME), pa.scalar(since_ms, TIMESTAMP)))


def conform(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The columns of ``schema``, by name: those that are missing are null, others are dropped.

    Where a field's type has changed, the values that cannot be read as the new one are null.
    """
    if batch.schema.equals(schema):
        return batch
    return pa.record_batch([_column(batch, field) for field in schema], schema=schema)


def _column(batch: pa.RecordBatch, field: pa.Field) -> pa.Array:
    if field.name not in batch.schema.names:
        return pa.nulls(batch.num_rows, field.type)
    column = batch.column(field.name)
    if column.type == field.type:
        return column
    try:
        return READERS[field.type](column)
    except ParseError:
        return pa.nulls(batch.num_rows, field.type)


def cut(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.RecordBatch]:
    """The same samples in batches of exactly ``rows``, the last one of what is left.

    Where batches end then depends on the samples alone, not on how they were sent or stored: a
    learner that learns batch by batch comes to the same bytes.
    """
    held: list[pa.RecordBatch] = []
    count = 0
    for batch in batches:
        while count + batch.num_rows >= rows:
            take = rows - count
            yield pa.concat_batches([*held, batch.slice(0, take)])
            batch = batch.slice(take)  # noqa: PLW2901
            held, count = [], 0
        if batch.num_rows:
            held.append(batch)
            count += batch.num_rows
    if held:
        yield pa.concat_batches(held)
