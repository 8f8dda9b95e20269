"""What a candidate must fulfil to be promoted: each guardrail that it breaks, in a sentence."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from updates.flows.measured import Measured
from updates.models import UpdatePolicy
from updates.strategies.base import Candidate

# As many rows as a request for scores has, predicted so many times; their median counts.
ROWS_TIMED = 100
TIMES = 9


def broken(
    candidate: Candidate, measured: Measured, score_ms: float | None, policy: UpdatePolicy
) -> list[str]:
    """The guardrails that it breaks; none of those that too few samples cannot judge.

    score_ms : see ``score_ms``.
    """
    found = [*of_the_model(candidate, policy), *_of_latency(score_ms, policy)]
    return [*found, *_of_quality(measured, policy)]


def of_the_model(candidate: Candidate, policy: UpdatePolicy) -> Iterator[str]:
    """Those of its weights, whatever it predicts."""
    if not candidate.learner.trained_here:
        return
    if not candidate.learner.is_finite():
        yield "A weight is not a finite number."
    most = policy.max_deployed_bytes
    if most is None:
        return
    deployed = candidate.learner.sparsity().deployed_bytes
    if deployed > most:
        yield f"Serving would load {deployed:,} bytes; max_deployed_bytes allows {most:,}."


def _of_latency(score_ms: float | None, policy: UpdatePolicy) -> Iterator[str]:
    slowest = policy.max_score_ms
    if slowest is not None and score_ms is not None and score_ms > slowest:
        yield (
            f"{ROWS_TIMED} rows take {score_ms:.2f} ms to score on the worker; "
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
    yield from _of_slices(measured, policy)
    yield from _calibration(measured, policy)
    shift, most = measured.score_shift, policy.max_score_shift
    if shift is not None and most is not None and shift > most:
        yield (
            f"Its scores of the same {ours.samples} samples are distributed otherwise than the "
            f"live version's: JS distance {shift:.3f}; max_score_shift allows {most:g}."
        )


def _of_slices(measured: Measured, policy: UpdatePolicy) -> Iterator[str]:
    most, looked_at = policy.max_slice_ne_increase, len(measured.slices)
    for each in measured.slices:
        if most is not None and each.ne_increase_at_least > most:
            of = f" for all {looked_at} slices together" if looked_at > 1 else ""
            yield (
                f"On slice {each.name} NE is {each.candidate.ne:.4f} against "
                f"{each.reference.ne:.4f}, worse by {each.difference.ne_increase:.4f} on "
                f"{each.candidate.samples} samples (at least {each.ne_increase_at_least:.4f} with "
                f"99 % confidence{of}); max_slice_ne_increase allows {most:g}."
            )


def _calibration(measured: Measured, policy: UpdatePolicy) -> Iterator[str]:
    found, low, high = measured.calibration, policy.min_calibration, policy.max_calibration
    if found is None or low <= found.value <= high:
        return
    at_least, at_most = found.bounds() or (found.value, found.value)
    if found.value > high and at_least > high:
        sure = f"at least {at_least:.3f} with 99 % confidence"
    elif found.value < low and at_most < low:
        sure = f"at most {at_most:.3f} with 99 % confidence"
    else:
        return
    yield f"Calibration is {found.value:.3f} ({sure}); allowed is {low:g} to {high:g}."


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
