"""Learning lag: from a sample's arrival to scores that have learned from it.

Every serving process counts the samples that it serves from now on, by their lag, into one hash of
Valkey for each cell of the time grid. A cell that is over is read by whoever observes, so that the
quantiles are those of all processes together.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np

from monitoring import metrics
from monitoring.series import GRID_SECONDS, Measurement
from recadmin.valkey import connection
from updates.samples.durable import unavailable_as_such

QUANTILES = {
    metrics.LEARNING_LAG_P50_MS: 0.50,
    metrics.LEARNING_LAG_P95_MS: 0.95,
    metrics.LEARNING_LAG_P99_MS: 0.99,
}
# So many cells that are over are read each time: processes tell of what they served a second late.
CELLS_READ = 2
KEPT_SECONDS = 600


def count(recommender_id: int, lags_ms: np.ndarray, counts: np.ndarray, at: datetime) -> None:
    """Add (n,) counts of samples by (n,) lags. Raises LogUnavailable."""
    key = _key(at)
    with unavailable_as_such(), connection().pipeline(transaction=False) as pipeline:
        for lag, samples in zip(lags_ms.tolist(), counts.tolist(), strict=True):
            pipeline.hincrby(key, f"{recommender_id}:{lag}", samples)
        pipeline.expire(key, KEPT_SECONDS)
        pipeline.execute()


def measured(now: datetime) -> Iterator[Measurement]:
    """Quantiles of the cells that ended last, of every recommender. Raises LogUnavailable."""
    for cells_ago in range(1, CELLS_READ + 1):
        at = now - timedelta(seconds=cells_ago * GRID_SECONDS)
        with unavailable_as_such():
            found = connection().hgetall(_key(at))
        by_recommender: defaultdict[int, list[tuple[int, int]]] = defaultdict(list)
        for field, samples in found.items():
            pk, _, lag = field.partition(b":")
            by_recommender[int(pk)].append((int(lag), int(samples)))
        for pk, counted in by_recommender.items():
            lags, samples = np.array(sorted(counted)).T
            for name, share in QUANTILES.items():
                yield Measurement(pk, name, quantile(lags, samples, share), at)


def quantile(lags: np.ndarray, counts: np.ndarray, share: float) -> float:
    """The least of (n,) ascending lags that so large a share of the counted samples is within."""
    within = np.cumsum(counts)
    return float(lags[np.searchsorted(within, share * within[-1])])


def _key(at: datetime) -> str:
    return f"recadmin:learning-lag:{int(at.timestamp()) // GRID_SECONDS}"
