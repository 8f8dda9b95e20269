"""Slices where predictions moved, and whether what came then proved the version right.

Of the samples with a value that neither has learned, the version predicts a mean rate p, and the
one it is held against q. Where the rate of their labels lies nearer to p, the version is right: the
squared error of the slice's mean is smaller then. The rate is known within Wilson's interval (1927,
JASA 22), so that a slice is judged once all of the interval is on one side of (p + q) / 2. Where p
and q are next to the same there is nothing to judge, however far both are from the rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from updates.explain.frame import Frame, log_odds
from updates.explain.values import Value

ERRORS = 1.96
MOST = 20
LEAST_SAMPLES = 20
# In log-odds: odds that differ by less than 2 %.
LEAST_MOVE = 0.02


class Verdict(StrEnum):
    """Which of two predictions the labels bear out."""

    RIGHT = "right"
    WRONG = "wrong"
    UNKNOWN = "not yet known"
    UNMOVED = "hardly moved"


@dataclass(frozen=True)
class Slice:
    """Of the traffic with a value: its ``rows`` samples, and the mean predictions of both there.

    Then of samples that neither has learned: how many, the mean predictions on them, the rate of
    their labels and its interval; None where there are none.
    """

    value: Value
    rows: int
    against: float
    version: float
    samples: int
    against_since: float | None
    version_since: float | None
    observed: float | None
    low: float | None
    high: float | None
    verdict: Verdict


def wilson(clicks: float, samples: float) -> tuple[float, float]:
    """Where a rate lies with 95 % confidence, by clicks among samples."""
    squared = ERRORS * ERRORS
    centre = (clicks + squared / 2) / (samples + squared)
    rate = clicks / samples
    half = ERRORS * np.sqrt(samples * rate * (1 - rate) + squared / 4) / (samples + squared)
    return float(max(centre - half, 0.0)), float(min(centre + half, 1.0))


def verdict(against: float, version: float, low: float, high: float) -> Verdict:
    """By the interval of the rate that was observed."""
    then, now = log_odds(np.array([against, version]))
    if abs(now - then) < LEAST_MOVE:
        return Verdict.UNMOVED
    middle, up = (against + version) / 2, version > against
    if low > middle:
        return Verdict.RIGHT if up else Verdict.WRONG
    if high < middle:
        return Verdict.WRONG if up else Verdict.RIGHT
    return Verdict.UNKNOWN


def slices(frame: Frame, traffic: np.ndarray, first: list[int]) -> list[Slice]:
    """Those columns first, then the values whose predictions moved most on the traffic: mean
    difference × samples.

    traffic : (n,) whether a sample shows what predictions moved.
    """
    has = (frame.amounts != 0).astype(np.float64)
    live = has[traffic]
    counts = np.asarray(live.sum(axis=0)).ravel()
    moved = np.abs(live.T @ (frame.version - frame.against)[traffic])
    moved[(counts < LEAST_SAMPLES) | frame.numeric] = 0.0
    order = [column for column in np.argsort(-moved, kind="stable")[:MOST] if moved[column] > 0]
    columns = list(dict.fromkeys([*first, *(int(column) for column in order)]))[:MOST]
    judged = frame.since & frame.known
    by_column = has.tocsc()
    return [
        _slice(frame, value, by_column[:, [column]].nonzero()[0], traffic, judged)
        for column, value in zip(columns, frame.describe(np.array(columns, int)), strict=True)
    ]


def _slice(
    frame: Frame, value: Value, rows: np.ndarray, traffic: np.ndarray, judged: np.ndarray
) -> Slice:
    live, since = rows[traffic[rows]], rows[judged[rows]]
    moved = len(live), float(frame.against[live].mean()), float(frame.version[live].mean())
    weights = frame.weights[since]
    total = float(weights.sum())
    if not total:
        return Slice(value, *moved, 0, None, None, None, None, None, Verdict.UNKNOWN)
    against, version, observed = (
        float(column[since] @ weights) / total
        for column in (frame.against, frame.version, frame.labels)
    )
    samples = total * total / float(weights @ weights)
    low, high = wilson(observed * samples, samples)
    found = verdict(against, version, low, high)
    return Slice(value, *moved, len(since), against, version, observed, low, high, found)
