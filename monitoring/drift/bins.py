"""The bins in which two sketches of a feature are compared."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from scipy.special import bdtrc

from monitoring.drift.numbers import NumberSketch
from monitoring.drift.values import ValueSketch

MOST_BINS = 10
# χ² holds where a bin has about so many samples on either side.
LEAST_IN_BIN = 5
# Nor may what a bin holds be an artefact of what the sketch forgot.
LEAST_OF_ERROR = 10
# A value that has risen gets a bin where chance alone would rarely have lifted any of them so far.
RISEN_BY_CHANCE = 0.01
MISSING, REST = "missing", "all others"


@dataclass(frozen=True)
class Bins:
    """Names of B bins, and what each sketch has in them: (B,) counts, as estimated."""

    labels: list[str]
    now: np.ndarray
    against: np.ndarray

    def shares(self) -> tuple[np.ndarray, np.ndarray]:
        """The two (B,) distributions; zeros where there is nothing."""
        return tuple(counts / max(counts.sum(), 1) for counts in (self.now, self.against))

    @property
    def held(self) -> int:
        """How many bins are not empty on both sides."""
        return int(((self.now > 0) | (self.against > 0)).sum())


def number_bins(now: NumberSketch, against: NumberSketch) -> Bins:
    """Deciles of ``against``, fewer on small samples; a value that fills several has its own."""
    edges = _edges(now, against)
    return _with_missing(_ranges(edges), now.counts(edges), against.counts(edges), now, against)


def value_bins(now: ValueSketch, against: ValueSketch) -> Bins:
    """The values most frequent in both periods together, those that rose or fell beyond chance,
    and all others as one.

    Which values get a bin must not depend on chance in one period, or PSI would measure that.
    Without drift the sum of two counts says nothing of their difference, so the sum may choose.
    """
    chosen = dict.fromkeys(
        [*_most_frequent(now, against), *_risen(now, against), *_risen(against, now)]
    )
    ours, theirs = (_counts(sketch, list(chosen)) for sketch in (now, against))
    return _with_missing([*chosen, REST], ours, theirs, now, against)


def _edges(now: NumberSketch, against: NumberSketch) -> np.ndarray:
    smaller = min(now.present, against.present)
    bins = int(np.clip(smaller // LEAST_IN_BIN, 2, MOST_BINS))
    quantiles = against.quantiles(np.linspace(0, 1, bins + 1))
    inner, repeated = quantiles[1:-1], quantiles[:-1][np.diff(quantiles) == 0]
    # What fills a whole bin is parted from what is just below it.
    return np.unique(np.concatenate([inner, np.nextafter(repeated, -np.inf)]))


def _counts(sketch: ValueSketch, values: list[str]) -> np.ndarray:
    counts = np.array([sketch.count(value) for value in values], float)
    return np.append(counts, max(sketch.present - counts.sum(), 0))


def _ranges(edges: np.ndarray) -> list[str]:
    if not len(edges):
        return ["any"]
    ends = [f"{edge:.6g}" for edge in edges]
    inner = [a if a == b else f"{a} – {b}" for a, b in pairwise(ends)]
    return [f"≤ {ends[0]}", *inner, f"> {ends[-1]}"]


def _with_missing(
    labels: list[str],
    now_counts: np.ndarray,
    against_counts: np.ndarray,
    now: NumberSketch | ValueSketch,
    against: NumberSketch | ValueSketch,
) -> Bins:
    return Bins(
        [*labels, MISSING],
        np.append(now_counts, now.missing),
        np.append(against_counts, against.missing),
    )


def _most_frequent(now: ValueSketch, against: ValueSketch) -> list[str]:
    sums = Counter(now.frequent()) + Counter(against.frequent())
    by_samples = LEAST_IN_BIN / max(min(now.present, against.present), 1)
    least = max(by_samples, LEAST_OF_ERROR * max(now.error, against.error))
    total = now.present + against.present
    return [value for value, count in sums.most_common(MOST_BINS) if count >= least * total]


def _risen(later: ValueSketch, earlier: ValueSketch) -> list[str]:
    """Values more frequent in one than chance explains: the two counts compared given their sum,
    which without drift are binomial, and allowing for how many values there are."""
    total = later.present + earlier.present
    if not total:
        return []
    expected, tried = later.present / total, later.counted.distinct
    risen = []
    for value in later.frequent():
        least, most = later.bounds(value)[0], earlier.bounds(value)[1]
        by_chance = bdtrc(least - 1, least + most, expected) if least >= LEAST_IN_BIN else 1.0
        if by_chance * tried < RISEN_BY_CHANCE:
            risen.append(value)
    return risen[:MOST_BINS]
