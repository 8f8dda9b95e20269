"""Sums of comparisons by the hour, and after a week by the day."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
from django.db import transaction
from django.db.models.functions import TruncDay

from monitoring.challengers.models import ComparedHour
from monitoring.challengers.sums import Sums
from updates.models import Recommender

FIELDS = Sums.__match_args__
ARRAYS = ("differences", "weights")
# Nobody looks back by the hour on more.
KEPT_BY_THE_HOUR = timedelta(days=8)


def add(challenger: Recommender, sums: Sums, now: datetime) -> None:
    """Count what was compared in the hour of now; in the caller's transaction."""
    _put(challenger.pk, now.replace(minute=0, second=0, microsecond=0), sums)


def sums_of(hour: ComparedHour) -> Sums:
    """What the hour holds."""
    values = {name: getattr(hour, name) for name in FIELDS}
    return Sums(**values | {name: np.frombuffer(values[name], "<f8") for name in ARRAYS})


def coarsen(now: datetime) -> None:
    """Add the hours of a day up into its first, once they are older than a week."""
    old = ComparedHour.objects.filter(at__lt=now - KEPT_BY_THE_HOUR, at__hour__gt=0)
    days = old.annotate(day=TruncDay("at")).order_by().values_list("challenger", "day").distinct()
    for challenger, day in days:
        with transaction.atomic():
            hours = ComparedHour.objects.filter(
                challenger=challenger, at__gt=day, at__lt=day + timedelta(days=1)
            ).select_for_update()
            _put(challenger, day, Sums.total(map(sums_of, hours)))
            hours.delete()


def _put(challenger_id: int, at: datetime, sums: Sums) -> None:
    hour, _ = ComparedHour.objects.select_for_update().get_or_create(
        challenger_id=challenger_id, at=at, defaults=_stored(Sums())
    )
    ComparedHour.objects.filter(pk=hour.pk).update(**_stored(sums_of(hour).plus(sums)))


def _stored(sums: Sums) -> dict[str, object]:
    values = {name: getattr(sums, name) for name in FIELDS}
    return values | {name: values[name].astype("<f8").tobytes() for name in ARRAYS}
