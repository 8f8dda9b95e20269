"""How good the live version is on samples that it has not learned, as they arrive.

What is measured: each sample is predicted by the version that is live when it is first seen here,
and only if that version has not learned it (its offset is at or after the version's
``next_offset``). A sample that was appended and learned between two looks is left out: a
prediction by a model that knows the answer would flatter it. So the series tell what users got,
not what the model can recite. Where the left out are many or unlike the others, as with updates
every few seconds, learn online: a session predicts every sample before it learns it.

Predictions that were logged with the samples, where others serve the model, were made before: they
are taken as they are.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pyarrow as pa
from django.db import transaction

from monitoring import series
from monitoring.models import LiveScoring
from monitoring.quality.predicted import is_predicted, predictions
from monitoring.quality.slices import judged
from monitoring.quality.take import take
from monitoring.quality.windows import is_full, measured, quality_values
from updates.metrics import Quality
from updates.models import Recommender
from updates.samples.log import SampleLog

MOST_SAMPLES = 5000


def judge(recommender: Recommender, last_offset: int, now: datetime) -> Quality | None:
    """Predict what arrived since the last look; record and return the quality of a full window.

    At most the newest 5,000 samples are predicted. None while the window of at least 50 samples
    fills, where nothing arrived, where another process judged the same samples first, or where
    nothing was predicted.
    """
    version = recommender.live_version
    if not is_predicted(recommender, version):
        return None
    unlearned = 1 if recommender.logs_predictions else version.next_offset
    cursor, _ = LiveScoring.objects.get_or_create(
        recommender=recommender, defaults={"next_offset": unlearned}
    )
    stop = last_offset + 1
    start = max(cursor.next_offset, unlearned, stop - MOST_SAMPLES)
    if start >= stop:
        return None
    batches = list(SampleLog(recommender).read(start, stop))
    if not batches:
        # All of them are quarantined.
        return None
    samples = pa.Table.from_batches(batches).combine_chunks()
    found = predictions(recommender, version, samples)
    if not (known := np.isfinite(found)).all():
        samples, found = samples.filter(pa.array(known)), found[known]
    window = [*cursor.window, *judged(samples, found)]
    full = is_full(window)
    with transaction.atomic():
        claimed = LiveScoring.objects.filter(
            recommender=recommender, next_offset=cursor.next_offset
        ).update(next_offset=stop, window=[] if full else window)
        if not claimed:
            return None
        take(recommender, samples, found, now)
    if not full:
        return None
    quality = measured(recommender, window)
    series.record(recommender, quality_values(quality), now)
    return quality
