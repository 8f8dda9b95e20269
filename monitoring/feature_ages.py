"""Feature freshness: how old the values of features are in the requests that carry their times.

Never mixed with how fresh the model is: a model of this minute may be fed with features of last
week. Every web process counts into one hash of Valkey for each recommender and cell of the time
grid, so that the quantiles are those of all processes together.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from monitoring import metrics
from monitoring.learning_lag import quantile
from monitoring.series import GRID_SECONDS, Measurement
from recadmin.valkey import connection
from updates.models import Recommender
from updates.samples.durable import unavailable_as_such
from updates.serving.lags import rounded_up

QUANTILES = {metrics.FEATURE_AGE_P50_SECONDS: 0.50, metrics.FEATURE_AGE_P95_SECONDS: 0.95}
# So many cells that are over are read each time: a request may be counted a moment late.
CELLS_READ = 2
# What the distribution now is of.
RECENT_SECONDS = 600
KEPT_SECONDS = RECENT_SECONDS + 2 * GRID_SECONDS
MILLISECONDS = 1000


@dataclass(frozen=True)
class FeatureAge:
    """How old the values of a feature were in requests of the last ten minutes.

    rows : that carried its time. objective_seconds : None where there is none.
    """

    name: str
    rows: int
    p50_seconds: float
    p95_seconds: float
    p99_seconds: float
    objective_seconds: int | None

    @property
    def state(self) -> str:
        """fresh: at most one row in twenty is older than the objective; else stale. "" without an
        objective."""
        if self.objective_seconds is None:
            return ""
        return "fresh" if self.p95_seconds <= self.objective_seconds else "stale"


def count(
    recommender_id: int,
    ages_seconds: Mapping[str, float | Sequence[float]],
    rows: int,
    at: datetime,
) -> None:
    """Add rows that carried values so old, all of them or each. Raises LogUnavailable."""
    key, index = _key(recommender_id, at), _index(at)
    with unavailable_as_such(), connection().pipeline(transaction=False) as pipeline:
        for feature, ages in ages_seconds.items():
            counted = Counter(ages) if isinstance(ages, Sequence) else {ages: rows}
            for age, number in counted.items():
                rounded = rounded_up(round(age * MILLISECONDS))
                pipeline.hincrby(key, f"{rounded}:{feature}", number)
        pipeline.expire(key, KEPT_SECONDS)
        pipeline.sadd(index, recommender_id)
        pipeline.expire(index, KEPT_SECONDS)
        pipeline.execute()


def measured(now: datetime) -> Iterator[Measurement]:
    """Quantiles of the cells that ended last, of every feature told of. Raises LogUnavailable."""
    for cells_ago in range(1, CELLS_READ + 1):
        at = now - timedelta(seconds=cells_ago * GRID_SECONDS)
        with unavailable_as_such():
            for pk in sorted(map(int, connection().smembers(_index(at)))):
                for feature, (ages, rows) in _read([_key(pk, at)]).items():
                    for name, share in QUANTILES.items():
                        seconds = quantile(ages, rows, share) / MILLISECONDS
                        yield Measurement(pk, name, seconds, at, part=feature)


def recent(recommender: Recommender, now: datetime) -> list[FeatureAge]:
    """Of the last ten minutes, the oldest first. Raises LogUnavailable."""
    cells = range(0, RECENT_SECONDS, GRID_SECONDS)
    with unavailable_as_such():
        found = _read([_key(recommender.pk, now - timedelta(seconds=s)) for s in cells])
    ages = [
        FeatureAge(
            feature,
            int(rows.sum()),
            *(quantile(ms, rows, share) / MILLISECONDS for share in (0.50, 0.95, 0.99)),
            objective_seconds=recommender.feature_objective_seconds,
        )
        for feature, (ms, rows) in found.items()
    ]
    return sorted(ages, key=lambda age: (-age.p95_seconds, age.name))


def _read(keys: Iterable[str]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """By feature, (n,) ages in ms, ascending, and (n,) rows of each, over these cells."""
    with connection().pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.hgetall(key)
        cells = pipeline.execute()
    counts: defaultdict[str, defaultdict[int, int]] = defaultdict(lambda: defaultdict(int))
    for cell in cells:
        for field, rows in cell.items():
            age, _, feature = field.partition(b":")
            counts[feature.decode()][int(age)] += int(rows)
    return {
        feature: tuple(np.array(sorted(by_age.items()), np.int64).T)
        for feature, by_age in counts.items()
    }


def _key(recommender_id: int, at: datetime) -> str:
    return f"{Recommender(pk=recommender_id).stream_key}:feature-ages:{_cell(at)}"


def _index(at: datetime) -> str:
    return f"recadmin:feature-ages:{_cell(at)}"


def _cell(at: datetime) -> int:
    return int(at.timestamp()) // GRID_SECONDS
