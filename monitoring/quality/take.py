"""Everything that judged samples count for beside the quality over all."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pyarrow as pa
from django.db import transaction
from django.utils import timezone

from monitoring.drift.adwin import Adwin
from monitoring.drift_alarms import loss_moved
from monitoring.models import LiveScoring
from monitoring.quality import losses, slices
from updates.metrics import losses as losses_of
from updates.models import Recommender
from updates.samples.schema import LABEL


def take(
    recommender: Recommender, samples: pa.Table, predictions: np.ndarray, now: datetime
) -> None:
    """Count samples for the slices, for the alarm on log loss and for what settles alarms.

    samples : (n,) rows of the log. predictions : (n,), made before they were learned. The caller
    sees to it that no sample is taken twice.
    """
    labels = np.asarray(samples.column(LABEL), np.float64)
    losses.add(recommender, labels, predictions, now)
    slices.count(recommender, samples, predictions, now)
    with transaction.atomic():
        scoring = LiveScoring.objects.select_for_update().get(recommender=recommender)
        adwin = Adwin.from_json(scoring.losses)
        move = adwin.update(losses_of(labels, predictions).tolist())
        scoring.losses = adwin.to_json()
        scoring.save(update_fields=["losses"])
        loss_moved(recommender, adwin, move, now)


def take_unseen(
    recommender: Recommender, first_offset: int, samples: pa.Table, predictions: np.ndarray
) -> None:
    """Take those of consecutive samples that have not been judged or taken before."""
    after = first_offset + samples.num_rows
    with transaction.atomic():
        scoring, _ = LiveScoring.objects.select_for_update().get_or_create(
            recommender=recommender, defaults={"next_offset": first_offset}
        )
        seen = max(scoring.next_offset - first_offset, 0)
        if seen < samples.num_rows:
            scoring.next_offset = after
            scoring.save(update_fields=["next_offset"])
            take(recommender, samples.slice(seen), predictions[seen:], timezone.now())
