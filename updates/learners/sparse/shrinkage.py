"""What algorithms whose weights shrink with time share: thresholds, rates, sums over time."""

from __future__ import annotations

import math

import numpy as np

from updates.learners.options import Option
from updates.samples.jit import kernel

# The clock of such an algorithm: rows learned, a sum over them, and what rounding took from it.
ROWS, SUM, LOST = 0, 1, 2
CLOCK = 3


@kernel
def soft(value: float, threshold: float) -> float:
    """The value moved towards 0 by the threshold, >= 0, and exactly 0 where it would pass it."""
    rest = abs(value) - threshold
    return math.copysign(rest, value) if rest > 0.0 else 0.0


@kernel
def own_rate(eta: float, delta: float, squares: float) -> float:
    """A coordinate's own learning rate, eta / (delta + sqrt(sum of its squared gradients)).

    0 where both are 0: of gradients so small that their squares vanish nothing is learned.
    """
    damping = delta + math.sqrt(squares)
    return eta / damping if damping > 0.0 else 0.0


@kernel
def add(clock: np.ndarray, term: float) -> None:
    """Add to the clock's sum, with Kahan's compensation.

    What a coordinate owes is the difference of two such sums: rounding must not grow with the
    number of rows between them, nor with that of all rows.
    """
    corrected = term - clock[LOST]
    total = clock[SUM] + corrected
    clock[LOST] = (total - clock[SUM]) - corrected
    clock[SUM] = total


def eta_option() -> Option:
    """The learning rate of algorithms that step along the gradient."""
    return Option(
        "eta",
        0.3,
        "Learning rate: a step is eta / sqrt(number of the sample) long, or with per-coordinate "
        "rates eta / (delta + sqrt(sum of the feature's squared gradients)).",
        1e-6,
        100.0,
    )
