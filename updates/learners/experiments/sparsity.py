"""How few weights FTRL, RDA, FOBOS and counting need for the same ranking (McMahan et al. 2013).

Table 1 of "Ad Click Prediction: a View from the Trenches" (KDD 2013) compares the non-zero weights
and the AucLoss, 1 - AUC, of FTRL-Proximal, RDA, FOBOS and OGD-Count: gradient descent without L1,
in which a feature gets a weight once it has been met more than k times. Here all have a learning
rate per coordinate, and rate and penalty (or k) of each are tuned over the same kind of grid, all
predictions being made before the sample is learned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from updates.learners.sparse.algorithm import Rows
from updates.learners.sparse.family import model_of, resolved
from updates.metrics import auc, quality
from updates.samples.encoder import Encoder
from updates.samples.schema import SampleSchema

CHUNK = 65_536
RATES = (0.05, 0.1, 0.2, 0.4)
PENALTIES = (0.3, 1.0, 3.0, 10.0, 30.0)  # on the whole stream, as FTRL's l1 is
COUNTS = (0, 1, 2, 4, 8, 16, 32)
TOLERANCE = 0.002
DAMPING = 1.0  # FTRL's beta, the others' delta

# Of the simulated stream: fields, sizes of the smallest and of the largest one.
FIELDS, SMALLEST, LARGEST, ZIPF = 20, 3, 1_000_000, 1.1
BASE_LOG_ODDS = -2.0
INFORMATIVE = 0.3  # share of values that matter at all


@dataclass(frozen=True)
class Stream:
    """Encoded samples in order.

    least : 1 - AUC of the probabilities of which labels were drawn, where they are known.
    """

    name: str
    rows: Sequence[Rows]
    least: float | None = None

    @property
    def labels(self) -> np.ndarray:
        """(n,) 0.0 or 1.0."""
        return np.concatenate([part.labels for part in self.rows])

    def counts(self) -> np.ndarray:
        """(distinct keys,) how often each occurs."""
        keys = np.concatenate([part.keys for part in self.rows])
        return np.unique(keys, return_counts=True)[1]


@dataclass(frozen=True)
class Outcome:
    """One setting over one stream; auc_loss and ne (log loss ÷ entropy of the rate) progressive."""

    method: str
    setting: str
    non_zero: int
    auc_loss: float
    ne: float


def recorded(name: str, schema: SampleSchema, batches: Iterable[pa.RecordBatch]) -> Stream:
    """A stream of recorded samples."""
    encoder = Encoder(schema)
    encoded = map(encoder.encode, batches)
    return Stream(
        name,
        [Rows(part.indptr, part.keys, part.values, part.labels, part.weights) for part in encoded],
    )


def simulated(count: int, seed: int = 1) -> Stream:
    """Values by Zipf's law in fields up to a million values; a minority of them matters."""
    random = np.random.default_rng(seed)
    keys = np.empty((count, FIELDS), np.uint64)
    log_odds = np.full(count, BASE_LOG_ODDS)
    for field, size in enumerate(np.geomspace(SMALLEST, LARGEST, FIELDS).astype(int)):
        steps = np.cumsum(np.arange(1, size + 1) ** -ZIPF)
        ranks = np.searchsorted(steps[:-1] / steps[-1], random.random(count))
        weights = random.normal(0, 0.6, size) * (random.random(size) < INFORMATIVE)
        log_odds += weights[ranks]
        keys[:, field] = ranks + (1 << 32) * (field + 1)
    # Tables take the low bits of a key for its place: spread them as a hash would.
    keys *= np.uint64(0x9E3779B97F4A7C15)
    keys ^= keys >> np.uint64(32)
    probabilities = 1 / (1 + np.exp(-log_odds))
    labels = (random.random(count) < probabilities).astype(np.float64)
    rows = [
        _dense(keys[start : start + CHUNK], labels[start : start + CHUNK])
        for start in range(0, count, CHUNK)
    ]
    least = 1 - (auc(labels, probabilities) or np.nan)
    return Stream(f"simulated, {FIELDS} values a sample", rows, least)


def _dense(keys: np.ndarray, labels: np.ndarray) -> Rows:
    indptr = np.arange(0, keys.size + 1, keys.shape[1])
    return Rows(indptr, keys.ravel(), np.ones(keys.size), labels, np.ones(len(labels)))


def settings(samples: int) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Method, what is set, and the learner's options, for all of the grid.

    The penalties of RDA and FOBOS are a sample's: the grid's by the number of samples.
    """
    own = {"rate": "per_coordinate", "delta": DAMPING}
    for rate in RATES:
        for penalty in PENALTIES:
            words, each = f"rate {rate:g}, l1 {penalty:g}", penalty / samples
            yield (
                "FTRL",
                words,
                {"algorithm": "ftrl", "alpha": rate, "beta": DAMPING, "l1": penalty},
            )
            yield "RDA", words, {"algorithm": "rda", "gamma": 1 / rate, "l1": each, **own}
            yield "FOBOS", words, {"algorithm": "fobos", "eta": rate, "l1": each, **own}
        for count in COUNTS:
            words = f"rate {rate:g}, k {count}"
            yield "OGD-count", words, {"algorithm": "sgd", "eta": rate, "admit_after": count, **own}


def outcomes(stream: Stream) -> Iterator[Outcome]:
    """Every setting of the grid, one pass over the stream each."""
    labels = stream.labels
    for method, words, options in settings(len(labels)):
        model = model_of(resolved(options))
        predictions = np.concatenate([model.learn(rows)[0] for rows in stream.rows])
        measured = quality(labels, predictions)
        yield Outcome(
            method,
            words,
            int(np.count_nonzero(model.weights())),
            np.nan if measured.auc is None else 1 - measured.auc,
            np.nan if measured.ne is None else measured.ne,
        )


def fewest(tried: Sequence[Outcome], tolerance: float = TOLERANCE) -> list[Outcome]:
    """Of each method the setting with the fewest non-zeros among those that rank well enough.

    Well enough: an AucLoss at most ``tolerance`` above the least of FTRL, relative; for a method
    that never gets there, above its own least.
    """
    least: dict[str, float] = {}
    for one in tried:
        least[one.method] = min(one.auc_loss, least.get(one.method, np.inf))
    chosen: dict[str, Outcome] = {}
    for one in sorted(tried, key=lambda one: one.non_zero):
        if one.auc_loss <= (1 + tolerance) * max(least["FTRL"], least[one.method]):
            chosen.setdefault(one.method, one)
    return [chosen[method] for method in least]
