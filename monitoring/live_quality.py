"""How good the live version is on samples that it has not learned, as they arrive.

What is measured: each sample is predicted by the version that is live when it is first seen here,
and only if that version has not learned it (its offset is at or after the version's
``next_offset``). A sample that was appended and learned between two looks is left out: a
prediction by a model that knows the answer would flatter it. So the series tell what users got,
not what the model can recite.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pyarrow as pa

from monitoring import metrics, series
from monitoring.drift.adwin import Adwin
from monitoring.drift_alarms import loss_moved
from monitoring.models import LiveScoring
from updates.metrics import Quality, losses
from updates.models import ModelVersion, Recommender
from updates.progressive import Progressive
from updates.samples.log import SampleLog
from updates.samples.schema import LABEL, WEIGHT
from updates.serving import scorer

LEAST_SAMPLES = 50
# NE rests on the rarer label; a window is filled until it has a few of it, or is long enough.
LEAST_OF_EACH_LABEL = 5
LONG_WINDOW = 1000
MOST_SAMPLES = 5000


def judge(recommender: Recommender, last_offset: int, now: datetime) -> Quality | None:
    """Predict what arrived since the last look; record and return the quality of a full window.

    At most the newest 5,000 samples are predicted. None while the window of at least 50 samples
    fills, where nothing arrived, or where another process judged the same samples first.
    """
    version = recommender.live_version
    if version is None:
        return None
    cursor, _ = LiveScoring.objects.get_or_create(
        recommender=recommender, defaults={"next_offset": version.next_offset}
    )
    stop = last_offset + 1
    start = max(cursor.next_offset, version.next_offset, stop - MOST_SAMPLES)
    if start >= stop:
        return None
    predicted = _predicted(recommender, version, start, stop)
    if not predicted:
        return None
    window = [*cursor.window, *predicted]
    full, adwin = _is_full(window), Adwin.from_json(cursor.losses)
    move = adwin.update(_losses(predicted))
    claimed = LiveScoring.objects.filter(
        recommender=recommender, next_offset=cursor.next_offset
    ).update(next_offset=stop, window=[] if full else window, losses=adwin.to_json())
    if claimed:
        loss_moved(recommender, move, now)
    if not (claimed and full):
        return None
    labels, predictions, weights = np.array(window).T
    counted = Progressive(fake_negatives=recommender.fake_negatives)
    counted.add(labels, predictions, weights)
    measured = counted.quality()
    series.record(recommender, quality_values(measured), now)
    return measured


def _predicted(
    recommender: Recommender, version: ModelVersion, start: int, stop: int
) -> list[tuple[float, float, float]]:
    batches = list(SampleLog(recommender).read(start, stop))
    if not batches:
        # All of them are quarantined.
        return []
    table = pa.Table.from_batches(batches).combine_chunks()
    predictions = scorer.predict(version, table)
    labels, weights = (table.column(name).to_pylist() for name in (LABEL, WEIGHT))
    return list(zip(labels, predictions.tolist(), weights, strict=True))


def _losses(predicted: list[tuple[float, float, float]]) -> list[float]:
    labels, predictions, _ = np.array(predicted).T
    found: list[float] = losses(labels, predictions).tolist()
    return found


def _is_full(window: list[tuple[float, float, float]]) -> bool:
    positives = sum(label > 0.5 for label, _, _ in window)
    rarer = min(positives, len(window) - positives)
    enough = len(window) >= LEAST_SAMPLES and rarer >= LEAST_OF_EACH_LABEL
    return enough or len(window) >= LONG_WINDOW


def quality_values(measured: Quality) -> dict[str, float | None]:
    """As kept in series."""
    return {
        metrics.NE: measured.ne,
        metrics.LOG_LOSS: measured.log_loss,
        metrics.AUC: measured.auc,
        metrics.CALIBRATION: measured.calibration,
    }
