"""Impressions begin to wait for their feedback."""

from datetime import datetime

import pyarrow as pa

from updates.flows.own_log import ensure_owns_log
from updates.joiners import joiner_of, request_of
from updates.models import Recommender
from updates.samples.batches import from_ms
from updates.samples.ipc import to_ipc
from updates.samples.joiner import Taken
from updates.samples.joiner_rows import not_after, row_digests
from updates.samples.schema import IMPRESSION
from updates.serving import predicted_by


def take_impressions(
    recommender: Recommender,
    batch: pa.RecordBatch,
    *,
    batch_id: str,
    arrived_at: datetime | None = None,
) -> Taken:
    """Keep impressions with their features as they are now; on disk when this returns.

    batch : columns of ``Checker.impressions``, at least one row.

    Raises ParseError for too many rows, LogUnavailable, RequestConflict, JoinerFull and
    SharesLog.
    """
    ensure_owns_log(recommender)
    request = request_of(recommender, batch, batch_id, arrived_at)
    rows, skewed = not_after(batch.drop_columns([IMPRESSION]), request.arrived_at_ms)
    taken = joiner_of(recommender).take_impressions(
        request, row_digests=row_digests(batch), rows=to_ipc(rows), skewed=skewed
    )
    if recommender.follows_predictions and not taken.duplicate:
        predicted_by.note(recommender, rows, from_ms(request.arrived_at_ms))
    return taken
