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
from django.db import transaction
from django.db.models import OuterRef, Subquery
from django.db.models.functions import Coalesce
from tsdownsample import LTTBDownsampler

from monitoring.cells import Cells, rolled_up, store, stored
from monitoring.metrics import Aggregate, metric
from monitoring.models import Retention, Series
from monitoring.resolutions import MINUTE, RESOLUTIONS, TEN_SECONDS, Resolution
from monitoring.roll_up import add_pending
from updates.models import Recommender, UpdatePolicy

# Of a series: its recommender, its name, and the policy or part by which it is kept, if any.
Key = tuple[int, str, int | None, str]

GRID_SECONDS = TEN_SECONDS.seconds
MOST_POINTS = 1000


@dataclass(frozen=True)
class Measurement:
    """One value of one series at one time.

    part : component, slice or feature that it is of, as the metric's ``kept_by`` says.
    """

    recommender_id: int
    name: str
    value: float | None
    at: datetime
    policy_id: int | None = None
    part: str = ""

    @property
    def key(self) -> Key:
        """Which series it belongs to."""
        return (self.recommender_id, self.name, self.policy_id, self.part)


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
    cells = {
        (series[m.key], TEN_SECONDS.cell(math.floor(m.at.timestamp()))): float(m.value)
        for m in sound
    }
    with transaction.atomic():
        store(TEN_SECONDS, ((*cell, value) for cell, value in cells.items()))
        add_pending(MINUTE, (t for _, t in cells))


def read(
    recommender: Recommender,
    name: str,
    start: datetime,
    end: datetime,
    *,
    points: int = MOST_POINTS,
    finest_seconds: int = GRID_SECONDS,
    policy: UpdatePolicy | None = None,
    part: str = "",
) -> list[tuple[int, float]]:
    """Points (milliseconds since 1970 in UTC, value) from start to end inclusive, oldest first.

    They have the width of ``resolution(start, end, finest_seconds)``; the metric's
    ``aggregate`` says what those of a minute or an hour are. What is not rolled up yet
    is there all the same.

    More than ``points`` (2 to 1,000) are thinned by Largest-Triangle-Three-Buckets (Steinarsson
    2013), which keeps the peaks. A metric that holds its value until the next point also has it
    at ``start`` and ``end``. Raises UnknownMetric; ValueError for points out of range.
    """
    kind = metric(name)
    if not 2 <= points <= MOST_POINTS:
        raise ValueError(f"points: must be from 2 to {MOST_POINTS}, got {points}")
    series = Series.objects.filter(recommender=recommender, name=name, policy=policy, part=part)
    first, last = math.ceil(start.timestamp()), math.floor(end.timestamp())
    # Of a held value that was recorded before: in the same query as the series itself.
    found = series.values_list("pk", _newest(before=first)).first()
    if found is None:
        return []
    pk, before = found
    kept_from = _kept_from()
    points_of = _Stored(pk, kind.aggregate, kept_from)
    cells = points_of.cells(_resolution(start, end, kept_from, finest_seconds), first, last)
    t, value = cells.t, cells.value
    if kind.holds:
        t, value = _held(t, value, before, first, last)
    kept = _thinned(t, value, points)
    return list(zip((t[kept] * 1000).tolist(), value[kept].tolist(), strict=True))


def recorded(recommender: Recommender, name: str) -> bool:
    """Whether the recommender has a series of that name."""
    return Series.objects.filter(recommender=recommender, name=name).exists()


def resolution(start: datetime, end: datetime, finest_seconds: int = GRID_SECONDS) -> Resolution:
    """That of points read from start to end: the finest that is kept for so long a span, has not
    been deleted at its start, and is no finer than asked for."""
    return _resolution(start, end, _kept_from(), finest_seconds)


def newest_by_policy(recommender: Recommender, name: str) -> dict[int, float]:
    """The last value of a metric that is kept by policy, by the policy's pk."""
    series = Series.objects.filter(recommender=recommender, name=name)
    values = series.values_list("policy", _newest())
    return {policy: value for policy, value in values if value is not None}


def _newest(before: int | None = None) -> Coalesce:
    """The last value of a series. Coarser points reach farther back, and end where finer do."""
    where = {} if before is None else {"t__lt": before}
    return Coalesce(
        *(
            Subquery(
                r.points._default_manager.filter(series=OuterRef("pk"), **where)
                .order_by("-t")
                .values("value")[:1]
            )
            for r in RESOLUTIONS
        )
    )


def _kept_from() -> dict[int, int]:
    """From when on there are points, by seconds of the resolution."""
    return dict(Retention.objects.values_list("seconds", "kept_from"))


def _resolution(
    start: datetime, end: datetime, kept_from: Mapping[int, int], finest_seconds: int
) -> Resolution:
    span = (end - start).total_seconds()
    return next(
        r
        for r in RESOLUTIONS
        if r.kept_seconds is None
        or (
            r.seconds >= finest_seconds
            and span <= r.kept_seconds
            and kept_from.get(r.seconds, 0) <= start.timestamp()
        )
    )


@dataclass(frozen=True)
class _Stored:
    """The points of one series. kept_from : since when there are some, by width in seconds."""

    series: int
    aggregate: Aggregate
    kept_from: Mapping[int, int]

    def cells(self, resolution: Resolution, first: int, last: int) -> Cells:
        """Those that begin from first to last; what is not rolled up yet, from finer ones."""
        found = stored(resolution, series=self.series, t__range=(first, last))
        finer = resolution.finer
        if finer is None:
            return found
        newest = int(found.t[-1]) if found.t.size else resolution.cell_from(first)
        edge = max(newest, self.kept_from.get(finer.seconds, 0))
        newer = self.cells(finer, edge, resolution.cell(last) + resolution.seconds - 1)
        return found.followed_by(rolled_up(newer, resolution.seconds, self.aggregate))


def _held(
    t: np.ndarray, value: np.ndarray, before: float | None, first: int, last: int
) -> tuple[np.ndarray, np.ndarray]:
    """With the value at both ends of the range, the first from before."""
    if before is not None and (not t.size or t[0] > first):
        t, value = np.append(first, t), np.append(before, value)
    if t.size and t[-1] < last:
        t, value = np.append(t, last), np.append(value, value[-1])
    return t, value


def _thinned(t: np.ndarray, value: np.ndarray, points: int) -> np.ndarray:
    """Which are kept; of two, both ends, as the library takes three at least."""
    if t.size <= points:
        return np.arange(t.size)
    if points == 2:
        return np.array([0, t.size - 1])
    kept: np.ndarray = LTTBDownsampler().downsample(t, value, n_out=points)
    return kept


def _series_ids(keys: set[Key]) -> dict[Key, int]:
    for name in {name for _, name, *_ in keys}:
        metric(name)
    known = _known(keys)
    missing = [
        Series(recommender_id=r, name=n, policy_id=p, part=part)
        for r, n, p, part in keys - known.keys()
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
    fields = ("recommender_id", "name", "policy_id", "part", "pk")
    return {tuple(key): pk for *key, pk in rows.values_list(*fields)}
