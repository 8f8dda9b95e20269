"""The newest NE of many recommenders, by minutes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime, timedelta

from django.db.models import Avg, F, OuterRef, QuerySet, Subquery

from monitoring import metrics
from monitoring.models import Series, TenSecondPoint
from monitoring.resolutions import MINUTE

SPAN = timedelta(hours=1)


def ne_by_minute(pks: Collection[int], now: datetime) -> dict[int, list[float]]:
    """Averages of each minute of the last hour that has some, oldest first, by recommender pk."""
    series = _series().filter(recommender__in=pks)
    points = TenSecondPoint.objects.filter(series__in=series, t__gte=_since(now))
    of, minute = "series__recommender", F("t") / MINUTE.seconds
    averages = points.values(of, minute=minute).annotate(ne=Avg("value")).order_by("minute")
    values = defaultdict(list)
    for pk, ne in averages.values_list(of, "ne"):
        values[pk].append(ne)
    return values


def newest_ne(now: datetime) -> dict[int, float | None]:
    """The last of those averages, by recommender pk of all that have ever had one."""
    points = TenSecondPoint.objects.filter(series=OuterRef("pk"))
    newest = points.filter(t__gte=_since(now)).order_by("-t")
    minute = newest.values(minute=F("t") / MINUTE.seconds)[:1]
    # The only bound: SQLite looks up by one, and goes through what lies behind it.
    of_minute = points.filter(t__gte=OuterRef("minute") * MINUTE.seconds).order_by()
    average = of_minute.values("series").annotate(ne=Avg("value")).values("ne")
    rows = _series().annotate(minute=Subquery(minute)).annotate(ne=Subquery(average))
    return dict(rows.values_list("recommender", "ne"))


def _series() -> QuerySet:
    return Series.objects.filter(name=metrics.NE, policy=None, part="")


def _since(now: datetime) -> int:
    return int((now - SPAN).timestamp())
