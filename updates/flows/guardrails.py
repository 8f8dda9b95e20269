"""What a candidate must fulfil to be promoted: each guardrail that it breaks, in a sentence."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from updates.metrics import LossDifference, Quality
from updates.models import UpdatePolicy
from updates.strategies.base import Candidate

SCORE_BINS = 20
# As many rows as a request for scores has, predicted so many times; their median counts.
ROWS_TIMED = 100
TIMES = 9


@dataclass(frozen=True)
class Measured:
    """What the gate has measured of a candidate; None where that was not possible.

    quality : of the candidate. difference : of its losses less those of the version that it is
    compared with, on the same samples. calibration_bounds : of the candidate's, with 99 %
    confidence. score_shift : see ``score_shift``. score_ms : see ``score_ms``.
    """

    quality: Quality
    difference: LossDifference | None = None
    calibration_bounds: tuple[float, float] | None = None
    score_shift: float | None = None
    score_ms: float | None = None


def broken(candidate: Candidate, measured: Measured, policy: UpdatePolicy) -> list[str]:
    """The guardrails that it breaks; none of those that too few samples cannot judge."""
    return [*_of_the_model(candidate, measured, policy), *_of_quality(measured, policy)]


def _of_the_model(candidate: Candidate, measured: Measured, policy: UpdatePolicy) -> Iterator[str]:
    if not candidate.learner.trained_here:
        return
    if not candidate.learner.is_finite():
        yield "A weight is not a finite number."
    deployed, most = candidate.learner.sparsity().deployed_bytes, policy.max_deployed_bytes
    if most is not None and deployed > most:
        yield f"Serving would load {deployed:,} bytes; max_deployed_bytes allows {most:,}."
    slowest = policy.max_score_ms
    if slowest is not None and measured.score_ms is not None and measured.score_ms > slowest:
        yield (
            f"{ROWS_TIMED} rows take {measured.score_ms:.2f} ms to score on the worker; "
            f"max_score_ms allows {slowest:g}."
        )


def _of_quality(measured: Measured, policy: UpdatePolicy) -> Iterator[str]:
    ours, difference = measured.quality, measured.difference
    if not ours.judgeable:
        return
    if difference and difference.ne_increase_at_least > policy.max_ne_increase:
        yield (
            f"NE is worse than the live version's by {difference.ne_increase:.4f} on "
            f"{ours.samples} samples (at least {difference.ne_increase_at_least:.4f} with 99 % "
            f"confidence); max_ne_increase allows {policy.max_ne_increase:g}."
        )
    yield from _calibration(measured, policy)
    shift, most = measured.score_shift, policy.max_score_shift
    if shift is not None and most is not None and shift > most:
        yield (
            f"Its scores of the same {ours.samples} samples are distributed otherwise than the "
            f"live version's: JS distance {shift:.3f}; max_score_shift allows {most:g}."
        )


def _calibration(measured: Measured, policy: UpdatePolicy) -> Iterator[str]:
    found, low, high = measured.quality.calibration, policy.min_calibration, policy.max_calibration
    if found is None or low <= found <= high:
        return
    at_least, at_most = measured.calibration_bounds or (found, found)
    if found > high and at_least > high:
        sure = f"at least {at_least:.3f} with 99 % confidence"
    elif found < low and at_most < low:
        sure = f"at most {at_most:.3f} with 99 % confidence"
    else:
        return
    yield f"Calibration is {found:.3f} ({sure}); allowed is {low:g} to {high:g}."


def score_shift(scores: np.ndarray, reference: np.ndarray) -> float | None:
    """Jensen–Shannon distance, 0 to 1, between two models' (n,) scores of the same samples.

    In 20 bins that hold as many of both together each. The samples are the same, so that
    there is no noise of sampling in it. None of no samples.
    """
    if not len(scores):
        return None
    edges = np.quantile(np.append(scores, reference), np.linspace(0, 1, SCORE_BINS + 1)[1:-1])
    p, q = (
        np.bincount(np.searchsorted(edges, x, side="right"), minlength=SCORE_BINS) / len(x)
        for x in (scores, reference)
    )
    middle = (p + q) / 2

    def divergence(x: np.ndarray) -> float:
        there = x > 0
        return float((x[there] * np.log2(x[there] / middle[there])).sum())

    return float(np.sqrt(max(0.0, (divergence(p) + divergence(q)) / 2)))


def score_ms(candidate: Candidate, samples: pa.Table) -> float | None:
    """Milliseconds that scoring 100 rows takes in this process, the median of nine; None where
    there are fewer."""
    if samples.num_rows < ROWS_TIMED:
        return None
    rows = samples.slice(0, ROWS_TIMED).combine_chunks()
    taken = []
    for _ in range(TIMES):
        began = time.perf_counter()
        candidate.learner.predict_deployed(rows)
        taken.append(time.perf_counter() - began)
    return float(np.median(taken)) * 1000
