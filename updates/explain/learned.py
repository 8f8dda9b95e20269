"""What a version learned of single values: what there was to learn, and how far it took it up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from updates.explain.evidence import Change, Group, changes
from updates.explain.frame import Frame, log_odds
from updates.explain.values import ALL, Value

# With less of a move in log-odds than this share of what was observed it was not taken up.
TAKEN_UP = 0.1


@dataclass(frozen=True)
class Learned:
    """A value whose rate changed in the samples that only one of the versions learned.

    column : in the frame; None of all samples. samples : of those, how many have it.
    observed, low, high : odds ratio of what was observed to what is expected by the version that
        has learned less, see ``evidence``, and its 95 % interval.
    predicted : odds ratio of the version's predictions to those of the one it is held against, on
        the same samples (geometric mean).
    """

    value: Value
    column: int | None
    samples: int
    observed: float
    low: float
    high: float
    z: float
    predicted: float
    taken_up: bool


def learned(frame: Frame) -> list[Learned]:
    """Those beyond chance, the surest first; empty where nothing changed."""
    whole = np.ones((len(frame.offsets), 1))
    has = sparse.hstack([(frame.amounts != 0).astype(np.float64), whole]).tocsr()
    has = has[:, np.append(~frame.numeric, True)]
    columns = np.append(np.flatnonzero(~frame.numeric), -1)
    found = changes(*(_group(frame, has, rows) for rows in (frame.before, frame.news)))
    return [
        _learned(frame, has[:, [one.column]].nonzero()[0], int(columns[one.column]), one)
        for one in found
    ]


def _group(frame: Frame, has: sparse.csr_matrix, rows: np.ndarray) -> Group:
    rows = rows & frame.known
    expected = log_odds(frame.expected[rows])
    return Group(has[rows], frame.labels[rows], frame.weights[rows], expected, frame.users[rows])


def _learned(frame: Frame, rows: np.ndarray, column: int, change: Change) -> Learned:
    news = rows[frame.news[rows]]
    shift = float(frame.shift[news].mean())
    towards = -shift if frame.reverse else shift
    return Learned(
        value=ALL if column < 0 else frame.describe(np.array([column]))[0],
        column=None if column < 0 else column,
        samples=len(news),
        observed=change.odds_ratio,
        low=change.low,
        high=change.high,
        z=change.z,
        predicted=float(np.exp(shift)),
        taken_up=bool(towards / np.log(change.odds_ratio) >= TAKEN_UP),
    )
