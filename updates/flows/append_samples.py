"""Samples enter the log."""

from datetime import datetime

import pyarrow as pa
from django.utils import timezone

from updates.models import Recommender
from updates.samples.log import Appended, SampleLog
from updates.signals import samples_appended


def append_samples(
    recommender: Recommender,
    batch: pa.RecordBatch,
    *,
    batch_id: str,
    arrived_at: datetime | None = None,
) -> Appended:
    """Append a batch, durably, then tell who watches.

    Raises LogUnavailable, BatchConflict and ValueError as ``SampleLog.append`` does.
    """
    appended = SampleLog(recommender).append(batch, batch_id, arrived_at or timezone.now())
    # The samples are stored: a watcher that fails must not make the client send them again.
    samples_appended.send_robust(Recommender, recommender=recommender, appended=appended)
    return appended
