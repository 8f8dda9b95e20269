"""Which values moved predictions most on live traffic.

On n samples log-odds moved by d = Σ_j c_j, c_j what value j adds (0 in samples without it). Of the
mean square of the shift, the share of j is

    E[c_j d] / E[d²]

The shares of all add up to 1, as d is their sum; one is negative where a value moved against the
others. Its effect is E|c_j|: of a linear model the weight's change × how often the value comes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import lsqr

from updates.explain.frame import Frame
from updates.explain.values import ALL, Value
from updates.learners.base import Learner
from updates.learners.explanation import Shift

MOST = 20
SURROGATE = (
    "Approximate: the sum over values that is nearest to the shift by least squares; it has "
    "{fit:.0%} of the shift, the rest is what values do together."
)


@dataclass(frozen=True)
class Mover:
    """effect : mean over all samples of what it adds to log-odds, regardless of sign.
    direction : mean over the samples that have it, in log-odds. frequency : their share.
    share : of the mean square shift.
    """

    value: Value
    effect: float
    direction: float
    frequency: float
    share: float


@dataclass(frozen=True)
class Movement:
    """movers : those with the largest effects. fields : share of the shift by feature, "" being
    what no value explains. mean_shift : E|d|, in log-odds. how : in a sentence."""

    movers: list[Mover]
    fields: dict[str, float]
    mean_shift: float
    how: str


def movement(frame: Frame, against: Learner, version: Learner) -> Movement:
    """Of all samples of the frame, from ``against`` to ``version``."""
    shift = _shift(frame, against, version)
    adds = frame.spread(shift.by_value)
    total = np.asarray(adds.sum(axis=1)).ravel() + shift.rest
    n, square = len(total), float(total @ total) or 1.0
    shares = (adds.T @ total) / square
    effects = np.asarray(abs(adds).sum(axis=0)).ravel() / n
    sums = np.asarray(adds.sum(axis=0)).ravel()
    counts = np.asarray((frame.amounts != 0).sum(axis=0)).ravel()
    top = np.argsort(-effects, kind="stable")[:MOST]
    movers = [
        Mover(value, *(float(x) for x in numbers))
        for value, *numbers in zip(
            frame.describe(top),
            effects[top],
            sums[top] / counts[top],
            counts[top] / n,
            shares[top],
            strict=True,
        )
        if numbers[0] > 0
    ]
    rest_share = float(shift.rest @ total) / square
    rest = Mover(ALL, float(np.abs(shift.rest).mean()), float(shift.rest.mean()), 1.0, rest_share)
    if rest.effect > 0:
        movers = sorted([*movers, rest], key=lambda mover: -mover.effect)[:MOST]
    fields = _by_field([*frame.features, ALL.feature], [*shares, rest_share])
    return Movement(movers, fields, float(np.abs(total).mean()), shift.how)


def _shift(frame: Frame, against: Learner, version: Learner) -> Shift:
    if type(against) is type(version):
        [batch] = frame.table.combine_chunks().to_batches()
        if shift := version.shift_from(against, batch, frame.encoded):
            return shift
    return _surrogate(frame)


def _surrogate(frame: Frame) -> Shift:
    """The additive shift nearest to the one that there is."""
    n = len(frame.shift)
    design = sparse.hstack([frame.amounts, np.ones((n, 1))]).tocsr()
    weights = lsqr(design, frame.shift, damp=1.0, iter_lim=100)[0]
    indices = frame.amounts.indices
    left = frame.shift - design @ weights
    square = float(frame.shift @ frame.shift) or 1.0
    fit = 1 - float(left @ left) / square
    how = SURROGATE.format(fit=fit).replace("%", " %")
    return Shift(weights[indices] * frame.amounts.data, left + weights[-1], how)


def _by_field(features: Sequence[str], shares: Sequence[float]) -> dict[str, float]:
    """The largest first."""
    sums: defaultdict[str, float] = defaultdict(float)
    for feature, share in zip(features, shares, strict=True):
        sums[feature] += float(share)
    return dict(sorted(sums.items(), key=lambda item: -item[1]))
