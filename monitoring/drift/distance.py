"""How far two distributions over the same bins are apart, and how far chance alone takes them."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import chdtri

# One bin that is empty on one side would make PSI infinite: no ratio of shares counts as more.
LARGEST_LOG_RATIO = math.log(100)
# Stands for nothing in a logarithm.
SMALLEST = 1e-300
CHANCE = 0.05


def psi(
    now: np.ndarray, against: np.ndarray, rows: tuple[float, float] = (math.inf, math.inf)
) -> float:
    """Population stability index of two (B,) distributions: Σ (p − q) ln(p/q), in nats.

    Symmetric (it is the Jeffreys divergence of the bins). In the logarithm a share counts as half
    a sample at least, and a ratio as 100 at most: an empty bin of few rows may be chance, and one
    of many has the same effect at any number of them.
    """
    held = (now > 0) | (against > 0)
    logs = [
        np.log(np.maximum(shares[held], max(0.5 / size, SMALLEST)))
        for shares, size in zip((now, against), rows, strict=True)
    ]
    ratio = np.clip(logs[0] - logs[1], -LARGEST_LOG_RATIO, LARGEST_LOG_RATIO)
    return float(((now - against)[held] * ratio).sum())


def js_distance(now: np.ndarray, against: np.ndarray) -> float:
    """Jensen–Shannon distance of two (B,) distributions: the square root of their divergence in
    nats; at most √ln 2 = 0.83. The root makes it a metric, and what scipy and Evidently call so.
    """
    middle = (now + against) / 2
    return math.sqrt(max((_kl(now, middle) + _kl(against, middle)) / 2, 0.0))


def psi_by_chance(
    bins: int, rows: float, rows_against: float, probability: float = CHANCE
) -> float:
    """The PSI that samples of these sizes exceed with that probability though nothing drifted.

    χ²(B − 1)'s quantile × (1/n + 1/m) (Yurdakul 2018). 0 with one bin, infinite without samples.
    """
    if bins < 2:
        return 0.0
    if not rows or not rows_against:
        return math.inf
    return float(chdtri(bins - 1, probability)) * (1 / rows + 1 / rows_against)


def _kl(p: np.ndarray, q: np.ndarray) -> float:
    held = p > 0
    return float((p[held] * np.log(p[held] / q[held])).sum())
