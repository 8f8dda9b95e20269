"""Which measurements may still change in meaning: those of samples whose labels are coming."""

from __future__ import annotations

from datetime import datetime

from monitoring import metrics
from updates import joiners
from updates.models import Recommender
from updates.samples.durable import LogUnavailable

JUDGED_BY_LABELS = frozenset({metrics.NE, metrics.LOG_LOSS, metrics.AUC, metrics.CALIBRATION})


def provisional_from(recommender: Recommender, name: str) -> datetime | None:
    """The time from which on a series is provisional; None where all of it is final.

    Only impressions that are logged as negatives before their labels are known are judged by
    labels that are not final. None too where the joiner cannot be asked.
    """
    if name not in JUDGED_BY_LABELS or not recommender.fake_negatives:
        return None
    try:
        return joiners.mature_through(recommender)
    except LogUnavailable:
        return None
