"""Which values' rates have changed beyond chance: what there was to learn.

Of each value j two groups of samples are compared: those that came before, and the news, which only
the newer version learned. In each, O clicks were observed and E = Σp expected by the older version.
Its errors of long standing are in both, so that they cancel; what is asked is whether O/E differs.
By the conditional likelihood ratio of two Poisson rates (Przyborowski & Wilenski 1940,
Biometrika 31; signed root), with ρ = ΣO / ΣE over both groups,

    G² = 2 Σ O ln(O / ρE),  z = ± √(G² / φλ),  φ = Σp(1 − p) / Σp

φ puts the binomial's spread in the place of Poisson's, and of clicks and non-clicks those are
counted that are rarer. Samples of one user are not independent: φ is multiplied by the spread of
the users' sums of residuals over that of as many independent samples (Liang & Zeger 1986,
Biometrika 73), where that is more, and a value is judged only where the news has it from
LEAST_USERS users. λ is how much wider than by chance the z of all values lie, by their median
(genomic control: Devlin & Roeder 1999, Biometrics 55): where all wobbles a little, more is chance.

Values come together: an item turns hot, and so its category's rate rises. They are taken one by
one, the largest |z| first; the expectation is then brought up to what was observed of it, in both
groups, and all others are looked at again. The first must have a |z| that is exceeded by any of all
M values in a share FALSE of comparisons without any change (Bonferroni): nothing is named where
nothing changed. Once something has, the k-th may be chance with probability FALSE_AFTER · k / M
(the steps of Benjamini & Hochberg 1995, from the top down).
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from scipy import sparse
from scipy.special import expit, xlogy

FALSE, FALSE_AFTER = 0.002, 0.05
# With fewer samples of a value in the news, or fewer of the rarer label expected in either group,
# none is judged: the tails of so few are not those of z.
LEAST_SAMPLES, LEAST_EXPECTED = 20, 10.0
# In effect: (Σ samples)² / Σ samples² over users. One session is nobody's news.
LEAST_USERS = 10
MOST = 20
# Half the χ² distribution of one degree of freedom lies below.
MEDIAN = 0.4549
# With fewer values the median of their z says too little.
LEAST_FOR_MEDIAN = 30
STEPS = 25


@dataclass(frozen=True)
class Group:
    """n samples: which of v values they have (n, v), labels, weights, the older version's log-odds.

    users : (n,) int64 from 0 on, whose samples they are; each its own where that is not known.
    """

    has: sparse.csr_matrix
    labels: np.ndarray
    weights: np.ndarray
    log_odds: np.ndarray
    users: np.ndarray

    def by_user(self, amounts: np.ndarray) -> sparse.csr_matrix:
        """(users, v) sums of something that samples have, over those that have a value."""
        n = len(self.users)
        shape = int(self.users.max(initial=-1)) + 1, n
        return sparse.csr_matrix((amounts, (self.users, np.arange(n))), shape) @ self.has


@dataclass(frozen=True)
class Change:
    """Of one value, at which column.

    odds_ratio, low, high : how the odds of a click have changed from one group to the other, beyond
        what the older version expects, with its 95 % interval. z : see the module.
    """

    column: int
    odds_ratio: float
    low: float
    high: float
    z: float


def changes(before: Group, news: Group) -> list[Change]:
    """The values whose rates have changed beyond chance, in the order in which they were found."""
    groups = [before, news]
    odds = [group.log_odds.copy() for group in groups]
    sums = [_sums(group, at) for group, at in zip(groups, odds, strict=True)]
    z, left = _z(*sums), _judged(news, *sums)
    values, wide = int(left.sum()), _width(z[left])
    found: list[Change] = []
    while left.any() and len(found) < MOST:
        z = np.where(left, z / wide, 0.0)
        column = int(np.argmax(np.abs(z)))
        if abs(z[column]) <= _chance(len(found), values):
            break
        steps = [_fit(group, at, column) for group, at in zip(groups, odds, strict=True)]
        found.append(_change(column, float(z[column]), steps, wide))
        left[column] = False
        z = _z(*(_sums(group, at) for group, at in zip(groups, odds, strict=True)))
    return found


@dataclass(frozen=True)
class _Sums:
    """(v,) each: clicks observed and expected, all samples by weight, and the expectation's
    variance, samples and users being independent."""

    clicks: np.ndarray
    expected: np.ndarray
    samples: np.ndarray
    variance: np.ndarray


def _sums(group: Group, at: np.ndarray) -> _Sums:
    p, w, members = expit(at), group.weights, group.has.T
    residuals = group.by_user(w * (group.labels - p))
    by_user = np.asarray(residuals.multiply(residuals).sum(axis=0)).ravel()
    independent = members @ (w * w * p * (1 - p))
    return _Sums(
        members @ (w * group.labels),
        members @ (w * p),
        members @ w,
        np.maximum(independent, by_user),
    )


def _judged(group: Group, before: _Sums, news: _Sums) -> np.ndarray:
    """(v,) whether there are enough samples and users of a value to tell news from chance."""
    rarer = [np.minimum(sums.expected, sums.samples - sums.expected) for sums in (before, news)]
    by_user = group.by_user(np.ones(len(group.users)))
    samples = np.asarray(by_user.sum(axis=0)).ravel()
    squares = np.asarray(by_user.multiply(by_user).sum(axis=0)).ravel()
    users = samples * samples / np.maximum(squares, 1.0)
    enough = (samples >= LEAST_SAMPLES) & (users >= LEAST_USERS)
    return np.asarray(enough & (np.minimum(*rarer) >= LEAST_EXPECTED))


def _z(before: _Sums, news: _Sums) -> np.ndarray:
    """(v,) signed roots, positive where clicks have become more."""
    flip = 2 * (before.expected + news.expected) > before.samples + news.samples
    counts = [_rarer(sums, flip) for sums in (before, news)]
    (o, e), (o2, e2) = counts
    with np.errstate(divide="ignore", invalid="ignore"):
        common = (o + o2) / (e + e2)
        ratio = 2 * (xlogy(o, o / (common * e)) + xlogy(o2, o2 / (common * e2)))
        sign = np.sign(o2 / e2 - o / e) * np.where(flip, -1.0, 1.0)
        z = sign * np.sqrt(np.maximum(ratio, 0.0) * (e + e2) / (before.variance + news.variance))
    return np.asarray(np.nan_to_num(z, nan=0.0, posinf=0.0, neginf=0.0))


def _rarer(sums: _Sums, flip: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    observed = np.where(flip, sums.samples - sums.clicks, sums.clicks)
    expected = np.where(flip, sums.samples - sums.expected, sums.expected)
    return observed, expected


def _width(z: np.ndarray) -> float:
    """How much wider than by chance the z lie; no less than 1."""
    if len(z) < LEAST_FOR_MEDIAN:
        return 1.0
    return max(1.0, float(np.sqrt(np.median(z**2) / MEDIAN)))


def _chance(found: int, values: int) -> float:
    """The |z| that is beyond chance after so many were found."""
    level = FALSE_AFTER * (found + 1) if found else FALSE
    return NormalDist().inv_cdf(1 - level / (2 * values))


def _fit(group: Group, at: np.ndarray, column: int) -> tuple[float, float]:
    """Bring the log-odds of the samples that have a value up to what was observed, in place.

    Returns by how much, and the variance of that. Half a click is added to both sides (Haldane),
    so that it is finite where no one clicked.
    """
    rows = group.has[:, [column]].nonzero()[0]
    labels, weights, begun = group.labels[rows], group.weights[rows], at[rows]
    half = 0.5 * float(weights.mean()) if len(rows) else 0.5
    step = 0.0
    for _ in range(STEPS):
        p = expit(begun + step)
        slope = float((weights * p * (1 - p)).sum()) + half / 2
        lack = float((weights * (labels - p)).sum()) + half * (1 - 2 * expit(step))
        step += float(np.clip(lack / slope, -1.0, 1.0))
        if abs(lack) < 1e-6 * slope:
            break
    at[rows] += step
    p = expit(at[rows])
    information, noise = float((weights * p * (1 - p)).sum()), weights * weights * p * (1 - p)
    return step, float(noise.sum()) / information**2 if information else np.inf


def _change(column: int, z: float, steps: list[tuple[float, float]], spread: float) -> Change:
    (before, its_variance), (news, variance) = steps
    step, half = news - before, 1.96 * spread * np.sqrt(its_variance + variance)
    return Change(
        column, float(np.exp(step)), float(np.exp(step - half)), float(np.exp(step + half)), z
    )
