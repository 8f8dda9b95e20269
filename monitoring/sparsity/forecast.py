"""When a growing model reaches a limit. No Django.

Distinct features grow with samples by a power law (Heaps' law: Heaps 1978, "Information Retrieval",
§7.5), until expiry or L1 stop them. It is fitted on logarithms by Theil and Sen's regression (Sen
1968, "Estimates of the regression coefficient based on Kendall's tau"), which single odd versions
do not bend, and held against a straight line on the newest fifth of the measurements, which neither
was fitted on: the better one is used. Its interval is a bootstrap of residuals in blocks (Künsch
1989), as the residuals of what accumulates hang together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np

FEWEST = 6  # measurements
MOST = 60  # looked at, evenly among all; slopes are as many as pairs of them
HELD_OUT = 0.2
REPLICATES = 200
OUTSIDE = 0.025  # on either side of the interval
DAY = 86_400.0
YEAR = 365 * DAY
CURVE_POINTS = 40
MOST_BYTES = 2.0**63  # no machine has more; an exponent fitted on noise knows no end


class Law(StrEnum):
    """How bytes follow from samples."""

    POWER = "power-law"
    LINEAR = "linear"


class Size(NamedTuple):
    """A model at one time (seconds since 1970): samples learned by then, its bytes."""

    at: float
    samples: int
    bytes: int


class Ahead(NamedTuple):
    """Expected bytes at a time to come, and their interval."""

    at: float
    bytes: float
    low: float
    high: float


@dataclass(frozen=True)
class Forecast:
    """How a model grows.

    law : the better one of both on the measurements held out. errors : of each, the mean distance
    of its logarithms there. exponent : of the power law; 1.0 of a line. samples_per_day : as they
    came lately. ahead : the curve. reached, earliest, latest : seconds since 1970 at which the
    limit is reached, and the 95 % interval; infinite where not within a year; None without a limit.
    """

    law: Law
    errors: dict[str, float]
    exponent: float
    samples_per_day: float
    ahead: list[Ahead]
    reached: float | None = None
    earliest: float | None = None
    latest: float | None = None

    @property
    def error(self) -> float:
        """Of the law that is used."""
        return self.errors[self.law]

    @property
    def other_error(self) -> float:
        """Of the one that is not."""
        return max(self.errors.values())


def forecast(sizes: Sequence[Size], limit: int | None = None) -> Forecast | None:
    """Of measurements in the order of time; None where they are too few, or of one time only.

    The same measurements give the same forecast.
    """
    grown = _evenly([size for size in sizes if size.samples > 0 and size.bytes > 0])
    if len(grown) < FEWEST:
        return None
    at, samples, sizes_ = (np.array(column, np.float64) for column in zip(*grown, strict=True))
    if samples[-1] <= samples[0] or at[-1] <= at[0]:
        return None
    errors = {law: _error(law, samples, sizes_) for law in Law}
    law = min(errors, key=errors.__getitem__)
    curves, noise = _replicates(law, samples, sizes_)
    rates = _rates(at, samples)
    when = _Future(law, curves, noise, rates, at[-1], samples[-1])
    reached = [None] * 3 if limit is None else when.reached(limit, sizes_[-1])
    span = max(at[-1] - at[0], DAY / 24)
    far = [one - at[-1] for one in reached if one is not None and np.isfinite(one)]
    return Forecast(
        law=law,
        errors={str(name): float(error) for name, error in errors.items()},
        exponent=float(curves[0, 1]) if law is Law.POWER else 1.0,
        samples_per_day=float(rates[0] * DAY),
        ahead=when.curve(min(max([span, *(1.2 * one for one in far)]), YEAR)),
        reached=reached[0],
        earliest=reached[1],
        latest=reached[2],
    )


class _Future:
    """Paths that growth may take; the first is the one expected.

    curves : (r, 2) intercepts and slopes. noise : (r,) residuals. rates : (r,) samples a second.
    """

    def __init__(  # noqa: PLR0917
        self,
        law: Law,
        curves: np.ndarray,
        noise: np.ndarray,
        rates: np.ndarray,
        now: float,
        samples: float,
    ) -> None:
        self.law, self.curves, self.noise = law, curves, noise
        self.rates, self.now, self.samples = rates, now, samples

    def curve(self, seconds: float) -> list[Ahead]:
        """From now on for so long."""
        later = np.linspace(0, seconds, CURVE_POINTS)
        x = _x(self.law, self.samples + np.outer(later, self.rates))
        paths = _bytes(self.law, self.curves[:, 0] + self.curves[:, 1] * x + self.noise)
        low, high = np.quantile(paths, [OUTSIDE, 1 - OUTSIDE], axis=1)
        rows = zip(self.now + later, paths[:, 0], low, high, strict=True)
        return [Ahead(*(float(value) for value in row)) for row in rows]

    def reached(self, limit: int, present: float) -> list[float]:
        """When the limit is: expected, earliest, latest."""
        if present >= limit:
            return [self.now] * 3
        target = np.log(limit) if self.law is Law.POWER else float(limit)
        intercepts, slopes = self.curves.T
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            x = (target - intercepts - self.noise) / slopes
            samples = np.exp(x) if self.law is Law.POWER else x
            seconds = np.maximum((samples - self.samples) / self.rates, 0.0)
        seconds = np.where((slopes > 0) & (self.rates > 0), seconds, np.inf)
        seconds[~(seconds <= YEAR)] = np.inf
        # Infinities do not interpolate.
        early, late = np.quantile(seconds, [OUTSIDE, 1 - OUTSIDE], method="closest_observation")
        return [float(self.now + one) for one in (seconds[0], early, late)]


def _evenly(sizes: Sequence[Size]) -> list[Size]:
    """At most MOST of them, the newest among them."""
    if len(sizes) <= MOST:
        return list(sizes)
    return [sizes[i] for i in np.linspace(0, len(sizes) - 1, MOST).round().astype(int)]


def _error(law: Law, samples: np.ndarray, sizes: np.ndarray) -> float:
    """Mean distance of logarithms on the newest, fitted on the others."""
    fitted = _fitted(len(samples))
    intercept, slope = theil_sen(_x(law, samples[:fitted]), _x(law, sizes[:fitted]))
    predicted = _bytes(law, intercept + slope * _x(law, samples[fitted:]))
    return float(np.abs(np.log(np.maximum(predicted, 1.0) / sizes[fitted:])).mean())


def _fitted(count: int) -> int:
    """So many are not held out."""
    return count - max(1, round(HELD_OUT * count))


def theil_sen(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Intercept and slope: the median of the slopes of all pairs of points whose x differ."""
    [(intercept, slope)] = _theil_sens(x, y[np.newaxis])
    return float(intercept), float(slope)


def _theil_sens(x: np.ndarray, ys: np.ndarray) -> np.ndarray:
    """(r, 2) intercepts and slopes of (r, n) ordinates."""
    i, j = np.triu_indices(len(x), 1)
    differ = x[i] != x[j]
    i, j = i[differ], j[differ]
    slopes = np.median((ys[:, j] - ys[:, i]) / (x[j] - x[i]), axis=1)
    return np.stack([np.median(ys - np.outer(slopes, x), axis=1), slopes], axis=1)


def _replicates(law: Law, samples: np.ndarray, sizes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(r, 2) fits and (r,) residuals: the fit itself, with the newest, and those of resampled
    residuals, each with one of them."""
    x, y = _x(law, samples), _x(law, sizes)
    intercept, slope = theil_sen(x, y)
    line = intercept + slope * x
    drawn = _missed_by(law, samples, sizes, y - line) * _blocks(y - line, np.random.default_rng(1))
    curves = np.concatenate([[(intercept, slope)], _theil_sens(x, line + drawn)])
    return curves, np.concatenate([[0.0], drawn[:, -1]])


def _missed_by(law: Law, samples: np.ndarray, sizes: np.ndarray, residuals: np.ndarray) -> float:
    """How many times the residuals a fit on the older ones was off on the newest: what lies ahead
    is missed by as much, where it accumulates."""
    fitted = _fitted(len(samples))
    x, y = _x(law, samples), _x(law, sizes)
    intercept, slope = theil_sen(x[:fitted], y[:fitted])
    missed = np.sqrt(((y - intercept - slope * x)[fitted:] ** 2).mean())
    typical = np.sqrt((residuals**2).mean())
    return float(max(1.0, missed / typical)) if typical else 1.0


def _blocks(residuals: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """(REPLICATES, n) residuals, in blocks of neighbours, round the end."""
    n = len(residuals)
    block = max(2, round(n**0.5))
    starts = random.integers(0, n, (REPLICATES, -(-n // block)))
    places = (starts[:, :, np.newaxis] + np.arange(block)) % n
    found: np.ndarray = residuals[places.reshape(REPLICATES, -1)[:, :n]]
    return found


def _rates(at: np.ndarray, samples: np.ndarray) -> np.ndarray:
    """(1 + REPLICATES,) samples a second over the newer half, and resampled."""
    half = slice(len(at) // 2, None)
    x, y = at[half] - at[-1], samples[half]
    intercept, slope = theil_sen(x, y)
    line = intercept + slope * x
    drawn = _blocks(y - line, np.random.default_rng(2))
    return np.concatenate([[slope], _theil_sens(x, line + drawn)[:, 1]])


def _x(law: Law, values: np.ndarray) -> np.ndarray:
    """Coordinates in which the law is a straight line; those of both axes are the same."""
    return np.log(np.maximum(values, 1.0)) if law is Law.POWER else values


def _bytes(law: Law, y: np.ndarray) -> np.ndarray:
    if law is Law.POWER:
        return np.exp(np.minimum(y, np.log(MOST_BYTES)))
    return np.clip(y, 0.0, MOST_BYTES)
