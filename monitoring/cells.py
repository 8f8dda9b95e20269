"""Points of series as columns, and what those of a longer cell come to."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
from django.db import connection
from django.db.models import F, Value

from monitoring.metrics import Aggregate
from monitoring.resolutions import Resolution


class Cells(NamedTuple):
    """(n,) columns, in the order of series and time.

    t : start of the cell in seconds since 1970 in UTC. count : ten-second points it stands for.
    """

    series: np.ndarray
    t: np.ndarray
    value: np.ndarray
    count: np.ndarray

    @classmethod
    def of(cls, rows: Iterable[tuple[int, int, float, int]]) -> Cells:
        """Those of the rows (series, t, value, count)."""
        # Whole numbers below 2⁵³ lose nothing as floats.
        table = np.fromiter(chain.from_iterable(rows), np.float64).reshape(-1, len(cls._fields))
        kinds = (np.int64, np.int64, np.float64, np.int64)
        return cls(*(column.astype(kind) for column, kind in zip(table.T, kinds, strict=True)))

    def followed_by(self, later: Cells) -> Cells:
        """These up to the first of the later ones, then those; all are of one series."""
        if not later.t.size:
            return self
        before = np.searchsorted(self.t, later.t[0])
        return Cells(*(np.append(a[:before], b) for a, b in zip(self, later, strict=True)))


def stored(resolution: Resolution, **where: Any) -> Cells:
    """The points at that resolution that meet the conditions."""
    points = resolution.points._default_manager.filter(**where).order_by("series_id", "t")
    count = F("count") if resolution.finer else Value(1)
    return Cells.of(points.values_list("series_id", "t", "value", count))


def store(resolution: Resolution, rows: Iterable[tuple[Any, ...]]) -> None:
    """Write points (series, t, value and, if rolled up, count) over those of the same cells.

    In the order of the key, so that two writers of the same cells wait for each other in the same
    order. By executemany: the objects of bulk_create would take several times as long, most of it
    under the write lock.
    """
    meta, quoted = resolution.points._meta, connection.ops.quote_name
    table, columns = quoted(meta.db_table), [quoted(f.column) for f in meta.local_concrete_fields]
    key, values = columns[:2], columns[2:]
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {table} ({', '.join(columns)}) "  # noqa: S608
            f"VALUES ({', '.join(['%s'] * len(columns))}) ON CONFLICT ({', '.join(key)}) "
            f"DO UPDATE SET {', '.join(f'{v} = excluded.{v}' for v in values)}",
            sorted(rows),
        )


def rolled_up(cells: Cells, seconds: int, how: Aggregate) -> Cells:
    """What they come to in cells of so many seconds, which must be a multiple of their own."""
    if not cells.t.size:
        return cells
    t = cells.t // seconds * seconds
    differs = (np.diff(cells.series) != 0) | (np.diff(t) != 0)
    first = np.flatnonzero(np.append(True, differs))
    last = np.append(first[1:], t.size) - 1
    count = np.add.reduceat(cells.count, first)
    if how is Aggregate.MEAN:
        value = np.add.reduceat(cells.value * cells.count, first) / count
    elif how is Aggregate.SUM:
        value = np.add.reduceat(cells.value, first)
    else:
        value = cells.value[last]
    return Cells(cells.series[first], t[first], value, count)
