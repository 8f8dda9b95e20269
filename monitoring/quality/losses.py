"""Moments of the log losses of what was judged, minute by minute."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
from django.db.models import DateTimeField, Exists, ExpressionWrapper, F, OuterRef

from monitoring.models import LossCell
from updates.metrics import losses
from updates.models import Deployment, Recommender

# What settles alarms looks back so far at most, and the first hours of what is live are kept.
KEPT = timedelta(hours=12)
FIRST_HOURS = timedelta(hours=1)


def add(
    recommender: Recommender, labels: np.ndarray, predictions: np.ndarray, now: datetime
) -> None:
    """Count judged samples in the minute of now: (n,) labels in {0, 1}, (n,) predictions."""
    found, positive = losses(labels, predictions), labels > 0.5
    cell, _ = LossCell.objects.get_or_create(
        recommender=recommender, at=now.replace(second=0, microsecond=0)
    )
    LossCell.objects.filter(pk=cell.pk).update(
        samples=F("samples") + len(found),
        positives=F("positives") + int(positive.sum()),
        loss=F("loss") + float(found.sum()),
        squares=F("squares") + float(np.dot(found, found)),
        loss_of_positives=F("loss_of_positives") + float(found[positive].sum()),
    )


def between(recommender: Recommender, start: datetime, end: datetime) -> list[LossCell]:
    """The minutes that begin from start on and before end, in order."""
    return list(recommender.loss_cells.filter(at__gte=start, at__lt=end).order_by("at"))


def judged_between(start: datetime, end: datetime) -> list[int]:
    """Recommenders of which something was judged then, by pk."""
    cells = LossCell.objects.filter(at__gte=start, at__lt=end)
    return list(cells.values_list("recommender", flat=True).distinct())


def prune(now: datetime) -> None:
    """Delete what nobody asks for any more."""
    first_hours = Deployment.objects.filter(
        recommender=OuterRef("recommender"),
        ended_at=None,
        started_at__lte=OuterRef("at"),
        started_at__gt=ExpressionWrapper(OuterRef("at") - FIRST_HOURS, DateTimeField()),
    )
    LossCell.objects.filter(~Exists(first_hours), at__lt=now - KEPT).delete()
