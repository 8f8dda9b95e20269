"""The quality of what is live on each slice of the traffic, each by a window of its own."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
from django.db import transaction

from monitoring.models import FirstMet, SliceWindow
from monitoring.quality.first_met import FirstMetTimes
from monitoring.quality.values_met import values
from monitoring.quality.windows import Window, is_full, measured, quality_values
from monitoring.series import Measurement, record_all
from updates.models import Recommender
from updates.samples.schema import LABEL, WEIGHT
from updates.samples.slices import NewValue, Slice


def count(
    recommender: Recommender, samples: pa.Table, predictions: np.ndarray, now: datetime
) -> None:
    """Add judged samples to the windows of the slices that they are in; record those then full.

    samples : (n,) rows of the log. predictions : (n,), made before they were learned.
    """
    all_judged = judged(samples, predictions)
    for each in recommender.traffic_slices:
        chosen = _rows(recommender, each, samples)
        if chosen.any():
            _add(recommender, each.name, [all_judged[at] for at in np.flatnonzero(chosen)], now)


def judged(samples: pa.Table, predictions: np.ndarray) -> Window:
    """(label, prediction, weight) of each."""
    labels, weights = (samples.column(name).to_pylist() for name in (LABEL, WEIGHT))
    return list(zip(labels, predictions.tolist(), weights, strict=True))


def _rows(recommender: Recommender, each: Slice, samples: pa.Table) -> np.ndarray:
    """(n,) bool: which samples the slice holds; none while it is not known which are new."""
    if not isinstance(each.rule, NewValue):
        return each.rule.rows(samples)
    known = FirstMet.objects.filter(recommender=recommender, field=each.rule.feature).first()
    if known is None or not known.caught_up:
        return np.zeros(samples.num_rows, bool)
    times = FirstMetTimes.from_bytes(bytes(known.body))
    ages = times.ages(*values(samples, each.rule.feature))
    new: np.ndarray = ages < timedelta(days=each.rule.days) / timedelta(milliseconds=1)
    return new


def _add(recommender: Recommender, name: str, judged: Window, now: datetime) -> None:
    with transaction.atomic():
        kept, _ = SliceWindow.objects.select_for_update().get_or_create(
            recommender=recommender, name=name
        )
        window = [*kept.window, *judged]
        full = is_full(window)
        kept.window = [] if full else window
        kept.save(update_fields=["window"])
    if full:
        found = quality_values(measured(recommender, window))
        record_all(
            Measurement(recommender.pk, metric, value, now, part=name)
            for metric, value in found.items()
        )
