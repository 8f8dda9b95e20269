"""Delete points that are no longer kept, and those of series that are gone.

In bounded statements, each a transaction of its own: SQLite's one writer is never kept waiting for
long, and whoever is killed in between has done a part of what the next run does.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Max, Min

from monitoring.models import PendingCell, Retention, Series
from monitoring.resolutions import HOUR, RESOLUTIONS, Resolution
from monitoring.slices import slices

MOST_ROWS = 10_000
SERIES_AT_ONCE = 1_000
# Beyond all times.
_ALL = 2**62


def prune(now: datetime) -> None:
    """Delete what is older than each resolution is kept, if it is rolled up; by whole hours."""
    for resolution in RESOLUTIONS:
        if resolution.kept_seconds is not None:
            _delete_older(resolution, int(now.timestamp()) - resolution.kept_seconds)
        _delete_orphans(resolution)


def _delete_older(resolution: Resolution, oldest: int) -> None:
    kept = _advance(resolution, oldest)
    if kept.cleared_to < kept.kept_from:
        _delete(resolution, _known(), kept.kept_from)
        kept.cleared_to = kept.kept_from
        kept.save(update_fields=["cleared_to"])


def _advance(resolution: Resolution, oldest: int) -> Retention:
    """Say from when on points are kept before any is deleted: nobody reads the half of an hour."""
    with transaction.atomic():
        Retention.objects.get_or_create(seconds=resolution.seconds)
        kept = Retention.objects.select_for_update().get(seconds=resolution.seconds)
        pending = PendingCell.objects.aggregate(oldest=Min("t"))["oldest"]
        kept_from = HOUR.cell(oldest if pending is None else min(oldest, pending))
        if kept_from > kept.kept_from:
            kept.kept_from = kept_from
            kept.save(update_fields=["kept_from"])
    return kept


def _delete_orphans(resolution: Resolution) -> None:
    points = resolution.points._default_manager
    newest = points.aggregate(newest=Max("series_id"))["newest"] or 0
    # Keys are never given twice: those of series that are gone are missing.
    for missing in slices(sorted(set(range(1, newest + 1)) - set(_known())), SERIES_AT_ONCE):
        left = set(points.filter(series__in=missing).values_list("series_id", flat=True).distinct())
        # A series that has been created meanwhile is there before its points can be seen.
        gone = left - set(_known(pk__in=left))
        _delete(resolution, sorted(gone), _ALL)


def _known(**where: Any) -> list[int]:
    return list(Series.objects.filter(**where).order_by("pk").values_list("pk", flat=True))


def _delete(resolution: Resolution, series: Sequence[int], before: int) -> None:
    points = resolution.points._default_manager
    for some in slices(series, SERIES_AT_ONCE):
        while points.filter(series__in=some, t__lt=before).exists():
            _delete_some(resolution, some, before)


def _delete_some(resolution: Resolution, series: Sequence[int], before: int) -> None:
    # Django would turn the limited subquery into one that has no limit. In the order of the key,
    # so that PostgreSQL does not look for them in the whole table.
    table = connection.ops.quote_name(resolution.points._meta.db_table)
    places = ", ".join(["%s"] * len(series))
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {table} WHERE (series_id, t) IN ("  # noqa: S608
            f"SELECT series_id, t FROM {table} "
            f"WHERE series_id IN ({places}) AND t < %s ORDER BY series_id, t LIMIT %s)",
            [*series, before, MOST_ROWS],
        )
