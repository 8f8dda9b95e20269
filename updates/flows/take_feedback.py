"""Feedback comes for impressions."""

from datetime import datetime

import pyarrow as pa

from updates.flows.own_log import ensure_owns_log
from updates.joiners import joiner_of, request_of
from updates.models import Recommender
from updates.samples.joiner_rows import label_letters


def take_feedback(
    recommender: Recommender,
    batch: pa.RecordBatch,
    *,
    batch_id: str,
    arrived_at: datetime | None = None,
) -> bool:
    """Label the impressions that are meant; on disk when this returns.

    batch : columns of ``checks.FEEDBACK_COLUMNS``, at least one row.

    True where this very request was taken before. Raises ParseError for too many rows,
    LogUnavailable, RequestConflict and SharesLog.
    """
    ensure_owns_log(recommender)
    request = request_of(recommender, batch, batch_id, arrived_at)
    return joiner_of(recommender).take_feedback(request, labels=label_letters(batch))
