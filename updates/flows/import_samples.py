"""Recorded samples enter the log, each once however often they are imported."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pyarrow as pa

from updates.flows.append_samples import append_samples
from updates.models import Recommender
from updates.samples.batches import newest_event_time_ms
from updates.samples.errors import RowError
from updates.samples.ipc import to_ipc
from updates.samples.log import BatchConflict
from updates.samples.parse import ParsedBatch
from updates.samples.replay import TimeMap
from updates.samples.sources import Source
from updates.samples.stream import digest


@dataclass(frozen=True)
class Imported:
    """What became of some rows of a source: added, there from before, or refused and why."""

    added: int = 0
    known: int = 0
    refused: list[RowError] = field(default_factory=list)

    @property
    def rows(self) -> int:
        """How many rows that is."""
        return self.added + self.known + len(self.refused)


def import_samples(
    recommender: Recommender,
    source: Source,
    *,
    start: int = 0,
    stop: int | None = None,
    to_present: TimeMap | None = None,
) -> Iterator[Imported]:
    """Append the batches of a source that begin at rows [start, stop); yields after each.

    A batch's id is made of its content and its place in the source, before event times are moved
    by ``to_present``: what was imported before, moved or not, adds nothing.

    Raises ParseError, SourceMissing and LogUnavailable; what was yielded before stays imported.
    """
    for row, parsed in selected(source, start, stop):
        added = parsed.batch.num_rows > 0 and _append(recommender, row, parsed.batch, to_present)
        rows = parsed.batch.num_rows
        yield Imported(rows if added else 0, 0 if added else rows, parsed.errors)


def selected(source: Source, start: int, stop: int | None) -> Iterator[tuple[int, ParsedBatch]]:
    """The batches that begin at rows [start, stop), each with the row at which it begins.

    Whole batches, so that they are the same whatever part of the source is asked for.
    """
    row = 0
    for parsed in source.parsed():
        if stop is not None and row >= stop:
            return
        if row >= start:
            yield row, parsed
        row += parsed.batch.num_rows + len(parsed.errors)


def newest_event_time(source: Source, start: int, stop: int | None) -> int | None:
    """Epoch milliseconds of the newest sample that would be imported; None where there is none."""
    batches = (parsed.batch for _, parsed in selected(source, start, stop))
    return max((newest_event_time_ms(batch) for batch in batches if batch.num_rows), default=None)


def _append(
    recommender: Recommender, row: int, batch: pa.RecordBatch, to_present: TimeMap | None
) -> bool:
    """Whether the batch is new."""
    batch_id = f"import-{row}-{digest(to_ipc(batch))[:32]}"
    if to_present is not None:
        (batch,) = to_present.move(pa.Table.from_batches([batch])).to_batches()
    try:
        return not append_samples(recommender, batch, batch_id=batch_id).duplicate
    except BatchConflict:
        # The content is in the id: only the event times can differ, as at a move to another now.
        return False
