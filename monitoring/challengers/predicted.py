"""What a recommender predicted of samples before it had learned them, as it was when they came."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from django.db.models import Q

from monitoring.challengers.foretold import foretold
from updates.models import Recommender
from updates.samples.batches import OFFSET, from_ms
from updates.samples.schema import ARRIVED_AT
from updates.serving import scorer


def predicted(recommender: Recommender, samples: pa.Table, *, online: bool) -> np.ndarray:
    """(n,) predictions, NaN where there is none to be had.

    samples : (n,) rows of the log, in order. online : whether sessions learn what arrives; their
    own predictions then count. Else each sample is predicted by the version that was live when it
    arrived, so that a slow cadence costs here what it costs in service.

    Raises CorruptArtifact.
    """
    offsets = samples.column(OFFSET).to_numpy()
    if online:
        return foretold(recommender, offsets)
    found = np.full(samples.num_rows, np.nan)
    arrived = samples.column(ARRIVED_AT).to_numpy().astype("datetime64[ms]").astype(np.int64)
    first, last = from_ms(int(arrived.min())), from_ms(int(arrived.max()))
    deployments = recommender.deployments.filter(
        Q(ended_at=None) | Q(ended_at__gt=first), started_at__lte=last, version__pruned_at=None
    )
    for deployment in deployments.select_related("version"):
        # Clocks of machines differ: what it has learned it never predicts, whatever they say.
        its = (arrived >= deployment.started_at.timestamp() * 1000) & (
            offsets >= deployment.version.next_offset
        )
        if deployment.ended_at is not None:
            its &= arrived < deployment.ended_at.timestamp() * 1000
        if its.any():
            found[its] = scorer.predict(deployment.version, samples.filter(pa.array(its)))
    return found
