"""Samples enter the log."""

from datetime import datetime

import pyarrow as pa
from django.utils import timezone

from updates.flows.own_log import ensure_owns_log
from updates.models import Recommender
from updates.samples.log import Appended, SampleLog
from updates.samples.stream import Beside
from updates.signals import samples_appended


def append_samples(
    recommender: Recommender,
    batch: pa.RecordBatch,
    *,
    batch_id: str,
    arrived_at: datetime | None = None,
    beside: Beside | None = None,
) -> Appended:
    """Append a batch, durably, then tell who watches. Arguments and errors as of
    ``SampleLog.append``; raises SharesLog for a challenger."""
    ensure_owns_log(recommender)
    log = SampleLog(recommender)
    appended = log.append(batch, batch_id, arrived_at or timezone.now(), beside)
    # The samples are stored: a watcher that fails must not make the client send them again.
    samples_appended.send_robust(Recommender, recommender=recommender, appended=appended)
    return appended
