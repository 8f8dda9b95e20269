"""Which share of the rows has values that the other period did not know."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa

from monitoring.drift.values import SEED, ValueSketch
from updates.samples.hashing import hash_strings

# A value with such a share of the rows is not left to the chance of being sampled: that is above
# what the counts of frequent values may be off by.
FREQUENT = 0.01
# One-sided 95 %.
ERRORS = 1.645


def new_value_rate(now: ValueSketch, against: ValueSketch) -> float:
    """Share of the values met now that ``against`` has not met; 0 where none were met.

    Exact while both have at most 1,024 distinct values. Beyond, values that are frequent now are
    looked up one by one, and the others are counted by the hashes that both samples hold.
    """
    if not now.present:
        return 0.0
    limit = min(now.counted.limit, against.counted.limit)
    known = against.counted.below(limit).hashes
    frequent, hashes = _frequent(now)
    new = 0
    for value, hashed, sampled in zip(
        frequent, hashes.tolist(), np.isin(hashes, known), strict=True
    ):
        met = sampled if hashed < limit else against.count(value)
        new += 0 if met else frequent[value]
    ours = now.counted.below(limit)
    return new / now.present + _share_of_rare(now, limit, ~np.isin(ours.hashes, known))


def new_values_by_chance(now: ValueSketch, against: ValueSketch) -> float:
    """The rate that is exceeded one time in twenty though nothing drifted.

    However long a period, some values are first met after it: in expectation the share of its rows
    whose value was met once (Good & Turing 1953). To this comes the noise of both sizes; a sample
    of the values is no larger than the number of its values.
    """
    if not now.present or not against.present:
        return 1.0
    once = against.counted.counts == 1
    expected = _share_of_rare(against, against.counted.limit, once)
    sizes = _noise(now) + _noise(against)
    # At least one row's worth, so that a first new value among few rows is no news.
    spread = max(expected * (1 - expected), sizes)
    return min(expected + ERRORS * math.sqrt(spread * sizes), 1.0)


def _frequent(sketch: ValueSketch) -> tuple[dict[str, int], np.ndarray]:
    """Counts of its frequent values, and their hashes."""
    frequent = {v: n for v, n in sketch.frequent().items() if n >= FREQUENT * sketch.present}
    return frequent, hash_strings(pa.array(list(frequent), pa.string()), SEED)


def _share_of_rare(sketch: ValueSketch, limit: int, chosen: np.ndarray) -> float:
    """Share of the rows that have a chosen value of the sample below a limit, frequent left out."""
    frequent, hashes = _frequent(sketch)
    sample = sketch.counted.below(limit)
    rare = ~np.isin(sample.hashes, hashes)
    share = sample.counts[rare & chosen].sum() / max(sample.counts[rare].sum(), 1)
    return float(share * max(sketch.present - sum(frequent.values()), 0) / sketch.present)


def _noise(sketch: ValueSketch) -> float:
    whole = sketch.counted.share == 1
    return 1 / (sketch.present if whole else min(sketch.present, len(sketch.counted.hashes)))
