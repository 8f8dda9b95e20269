"""Follow the sample log for values that slices want to know the age of."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from django.db import transaction

from monitoring.models import FirstMet
from monitoring.quality.first_met import FirstMetTimes
from updates.models import Recommender
from updates.samples.hashing import hash_strings
from updates.samples.log import SampleLog
from updates.samples.schema import EVENT_TIME
from updates.samples.slices import NewValue

SEED = np.uint64(0)
# So much of the log is looked at in one go, so that no recommender waits long for another.
MOST_ROWS = 200_000


def follow(recommender: Recommender, last_offset: int) -> None:
    """Look at what the log holds up to an offset, for each field that a slice of new values names.

    A field that no slice names any more is forgotten; one that is new begins with the first
    sample there is, some 200,000 at a call. Looking twice at a sample changes nothing. Raises as
    ``SampleLog.read``.
    """
    fields = {s.rule.feature for s in recommender.traffic_slices if isinstance(s.rule, NewValue)}
    recommender.first_met.exclude(field__in=fields).delete()
    for field in sorted(fields):
        known, _ = FirstMet.objects.get_or_create(recommender=recommender, field=field)
        _follow(known, last_offset)


def _follow(known: FirstMet, last_offset: int) -> None:
    stop = min(last_offset, known.next_offset + MOST_ROWS - 1) + 1
    if known.next_offset >= stop:
        return
    before = bytes(known.body)
    times = FirstMetTimes.from_bytes(before)
    for batch in SampleLog(known.recommender).read(known.next_offset, stop):
        times = times.met(*values(batch, known.field))
    with transaction.atomic():
        now = FirstMet.objects.select_for_update().get(pk=known.pk)
        if now.next_offset != known.next_offset:
            return  # another process has come first
        changed = times.to_bytes() != before
        now.body = times.to_bytes()
        now.next_offset, now.caught_up = stop, now.caught_up or stop > last_offset
        now.save(update_fields=["next_offset", "caught_up", *(["body"] if changed else [])])


def values(samples: pa.Table | pa.RecordBatch, field: str) -> tuple[np.ndarray, np.ndarray]:
    """(n,) hashes of a field's values, 0 where there is none, and (n,) event times in epoch ms."""
    parts = samples.to_batches() if isinstance(samples, pa.Table) else [samples]
    hashes = [hash_strings(part.column(field), SEED) for part in parts]
    times = [np.asarray(part.column(EVENT_TIME).view(pa.int64())) for part in parts]
    return np.concatenate(hashes), np.concatenate(times)
