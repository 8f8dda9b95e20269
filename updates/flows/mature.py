"""Samples whose labels are what they will be: only these may judge."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from updates import joiners
from updates.models import Recommender
from updates.samples.batches import to_ms
from updates.samples.joiner_rows import event_times_ms, impressions_of
from updates.samples.schema import LABEL


@dataclass(frozen=True)
class Mature:
    """Which of n samples may judge.

    rows : positions, in order. labels : of those, float64. immature : impressions left out as
    their labels are still coming.
    """

    rows: np.ndarray
    labels: np.ndarray
    immature: int = 0


def mature_samples(samples: pa.Table, recommender: Recommender) -> Mature:
    """Those whose labels are final, with these labels.

    Where impressions are logged as negatives before their labels are known, that is impressions
    as old as ``joiners.mature_through`` says, each once and with the label that came; elsewhere,
    what is in the log is final. Raises LogUnavailable.
    """
    if not (recommender.fake_negatives and samples.num_rows):
        return Mature(np.arange(samples.num_rows), samples.column(LABEL).to_numpy().astype(float))
    [batch] = samples.select(recommender.sample_schema.arrow.names).combine_chunks().to_batches()
    impressions, labels = impressions_of(batch)
    through = joiners.mature_through(recommender)
    old = event_times_ms(batch) <= (0 if through is None else to_ms(through))
    rows = np.flatnonzero(impressions & old)
    return Mature(rows, labels[rows], int(np.count_nonzero(impressions & ~old)))
