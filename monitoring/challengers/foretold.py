"""Predictions that online sessions made before they learned, kept until they are compared.

A session learns what arrives within a second: nobody could ask its model afterwards what it would
have said.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
from django.db.models import Max

from monitoring.challengers.models import Foretold
from updates.models import Recommender
from updates.samples.batches import OFFSET

# What nobody has compared by then will not be.
KEPT = timedelta(hours=1)


def remember(
    recommender: Recommender, samples: pa.Table, predictions: np.ndarray, now: datetime
) -> None:
    """Keep (n,) predictions of (n,) rows of the log, of those that follow what is kept; only where
    the recommender challenges or is challenged."""
    if recommender.challenges_id is None and not recommender.challengers.exists():
        return
    offsets = samples.column(OFFSET).to_numpy()
    last = foretold_to(recommender)
    new = offsets > last
    if new.any():
        Foretold.objects.create(
            recommender=recommender,
            first_offset=int(offsets[new][0]),
            last_offset=int(offsets[new][-1]),
            offsets=offsets[new].astype("<i8").tobytes(),
            predictions=predictions[new].astype("<f8").tobytes(),
            at=now,
        )


def foretold_to(recommender: Recommender) -> int:
    """The last offset of which a prediction is kept, 0 of none."""
    return recommender.foretold.aggregate(last=Max("last_offset"))["last"] or 0


def foretold(recommender: Recommender, offsets: np.ndarray) -> np.ndarray:
    """(n,) predictions of (n,) rising offsets, NaN where none is kept."""
    found = np.full(len(offsets), np.nan)
    if not len(offsets):
        return found
    kept = recommender.foretold.filter(last_offset__gte=offsets[0], first_offset__lte=offsets[-1])
    for each in kept:
        theirs = np.frombuffer(each.offsets, "<i8")
        at = np.minimum(np.searchsorted(offsets, theirs), len(offsets) - 1)
        same = offsets[at] == theirs
        found[at[same]] = np.frombuffer(each.predictions, "<f8")[same]
    return found


def prune(now: datetime) -> None:
    """Delete what has been kept for long enough."""
    Foretold.objects.filter(at__lt=now - KEPT).delete()
