"""Write and read measurements over time.

The API's ``…/metrics`` answers from here: ``metrics.metric(name)`` has unit and definition,
``read`` the points, ``marks.marks`` what happened meanwhile.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from tsdownsample import LTTBDownsampler

from monitoring.metrics import metric
from monitoring.models import Point, Series
from updates.models import Recommender, UpdatePolicy

# Of a series: its recommender, its name, and the policy or component by which it is kept, if any.
Key = tuple[int, str, int | None, str]

GRID_SECONDS = 10
MOST_POINTS = 1000


@dataclass(frozen=True)
class Measurement:
    """One value of one series at one time."""

    recommender_id: int
    name: str
    value: float | None
    at: datetime
    policy_id: int | None = None
    component: str = ""

    @property
    def key(self) -> Key:
        """Which series it belongs to."""
        return (self.recommender_id, self.name, self.policy_id, self.component)


def record(
    recommender: Recommender,
    values: Mapping[str, float | None],
    at: datetime,
    policy: UpdatePolicy | None = None,
) -> None:
    """Store the values under their names at that time; raises UnknownMetric.

    policy : whose they are, for measurements kept by policy; they stay its own when it is renamed.

    Times are cut to the 10-second grid. Recording a cell again replaces its value, so that a
    repeated call changes nothing. Values that are None, infinite or NaN are left out.
    """
    of = policy and policy.pk
    record_all(Measurement(recommender.pk, name, v, at, of) for name, v in values.items())


def record_all(measurements: Iterable[Measurement]) -> None:
    """As ``record``, for any number of recommenders in a constant number of statements."""
    sound = [m for m in measurements if m.value is not None and math.isfinite(m.value)]
    if not sound:
        return
    series = _series_ids({m.key for m in sound})
    cells = {(series[m.key], _cell(m.at)): float(m.value) for m in sound}
    Point.objects.bulk_create(
        [Point(series_id=s, resolution=GRID_SECONDS, t=t, value=v) for (s, t), v in cells.items()],
        update_conflicts=True,
        unique_fields=["series", "resolution", "t"],
        update_fields=["value"],
    )


def read(
    recommender: Recommender,
    name: str,
    start: datetime,
    end: datetime,
    *,
    points: int = MOST_POINTS,
    policy: UpdatePolicy | None = None,
    component: str = "",
) -> list[tuple[int, float]]:
    """Points (milliseconds since 1970 in UTC, value) from start to end inclusive, oldest first.

    More than ``points`` (2 to 1,000) are thinned by Largest-Triangle-Three-Buckets (Steinarsson
    2013), which keeps the peaks. A metric that holds its value until the next point also has it
    at ``start`` and ``end``. Raises UnknownMetric; ValueError for points out of range.
    """
    kind = metric(name)
    if not 2 <= points <= MOST_POINTS:
        raise ValueError(f"points: must be from 2 to {MOST_POINTS}, got {points}")
    stored = Point.objects.filter(
        series__recommender=recommender,
        series__name=name,
        series__policy=policy,
        series__component=component,
        resolution=GRID_SECONDS,
    )
    first, last = math.ceil(start.timestamp()), math.floor(end.timestamp())
    rows = list(stored.filter(t__range=(first, last)).order_by("t").values_list("t", "value"))
    if kind.holds:
        before = stored.filter(t__lt=first).order_by("-t").values_list("value", flat=True).first()
        rows = _held(rows, before, first, last)
    return [(t * 1000, value) for t, value in _thin(rows, points)]


def _held(
    rows: list[tuple[int, float]], before: float | None, first: int, last: int
) -> list[tuple[int, float]]:
    if before is not None and (not rows or rows[0][0] > first):
        rows = [(first, before), *rows]
    if rows and rows[-1][0] < last:
        rows = [*rows, (last, rows[-1][1])]
    return rows


def _thin(rows: list[tuple[int, float]], points: int) -> list[tuple[int, float]]:
    if len(rows) <= points:
        return rows
    t, values = np.array(rows, dtype=np.float64).T.copy()
    kept = LTTBDownsampler().downsample(t.astype(np.int64), values, n_out=points)
    return [rows[i] for i in kept]


def _cell(at: datetime) -> int:
    return math.floor(at.timestamp()) // GRID_SECONDS * GRID_SECONDS


def _series_ids(keys: set[Key]) -> dict[Key, int]:
    for name in {name for _, name, *_ in keys}:
        metric(name)
    known = _known(keys)
    missing = [
        Series(recommender_id=r, name=n, policy_id=p, component=c)
        for r, n, p, c in keys - known.keys()
    ]
    if missing:
        # Another process may create the same ones: the constraint keeps one, both then read it.
        Series.objects.bulk_create(missing, ignore_conflicts=True)
        known = _known(keys)
    return known


def _known(keys: set[Key]) -> dict[Key, int]:
    rows = Series.objects.filter(
        recommender__in={r for r, *_ in keys}, name__in={n for _, n, *_ in keys}
    )
    return {(s.recommender_id, s.name, s.policy_id, s.component): s.pk for s in rows}
