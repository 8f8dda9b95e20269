"""Samples enter the log."""

from datetime import datetime

import pyarrow as pa
from django.utils import timezone

from updates.flows.own_log import ensure_owns_log
from updates.models import Recommender
from updates.samples.log import Appended, SampleLog
from updates.samples.stream import Beside
from updates.serving import predicted_by
from updates.signals import samples_appended


def append_samples(
    recommender: Recommender,
    batch: pa.RecordBatch,
    *,
    batch_id: str,
    arrived_at: datetime | None = None,
    beside: Beside | None = None,
    joined: bool = False,
) -> Appended:
    """Append a batch, durably, then tell who watches.

    joined : they were impressions, whose predictions were counted when they came. Other arguments
    and errors as of ``SampleLog.append``; raises SharesLog for a challenger.
    """
    ensure_owns_log(recommender)
    log = SampleLog(recommender)
    arrived_at = arrived_at or timezone.now()
    appended = log.append(batch, batch_id, arrived_at, beside)
    if recommender.follows_predictions and not (joined or appended.duplicate):
        predicted_by.note(recommender, batch, arrived_at)
    # The samples are stored: a watcher that fails must not make the client send them again.
    samples_appended.send_robust(Recommender, recommender=recommender, appended=appended)
    return appended
