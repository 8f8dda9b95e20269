"""Samples for a trainer, page by page."""

from __future__ import annotations

import pyarrow as pa

from updates.models import Recommender
from updates.samples.batches import OFFSET, POSITION
from updates.samples.ipc import to_ipc
from updates.samples.log import SampleLog

MOST_ROWS = 100_000


def page(recommender: Recommender, first: int, stop: int, limit: int) -> tuple[bytes, int | None]:
    """At most so many of the samples with offsets [first, stop), as an Arrow IPC stream, and where
    the next page begins, None where there is none. Raises LogUnavailable."""
    schema = pa.schema([*POSITION, *recommender.sample_schema.arrow])
    pieces, rows = [], 0
    # One more tells whether there is another page.
    for batch in SampleLog(recommender).read(first, stop):
        pieces.append(batch.slice(0, limit + 1 - rows))
        rows += pieces[-1].num_rows
        if rows > limit:
            break
    found = pa.concat_batches(pieces) if pieces else pa.RecordBatch.from_pylist([], schema)
    following = found.column(OFFSET)[limit].as_py() if rows > limit else None
    return to_ipc(found.slice(0, limit)), following
