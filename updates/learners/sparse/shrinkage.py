"""What algorithms whose weights shrink with time share: thresholds, rates, sums over time."""

from __future__ import annotations

import math

import numpy as np

from updates.learners.options import Option
from updates.learners.sparse.slots import STATE
from updates.samples.jit import kernel

# The clock of such an algorithm: rows learned, a sum over them, and what rounding took from it.
ROWS, SUM, LOST = 0, 1, 2
CLOCK = 3
# A cell of algorithms that step along the gradient and shrink: the weight as its last row left it,
# the clock's sum before that row, and the sum of squared gradients where rates are per coordinate.
WEIGHT, SINCE, N = STATE, STATE + 1, STATE + 2


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


@kernel
def falling_rate(clock: np.ndarray, parameters: tuple[float, ...]) -> float:
    """eta / sqrt(t), t the number of the present row, from 1."""
    rate: float = parameters.eta / math.sqrt(clock[ROWS] + 1.0)  # type: ignore[attr-defined]
    return rate


@kernel
def descend(  # noqa: PLR0917
    states: np.ndarray,
    slot: int,
    gradient: float,
    weight: float,
    step: float,
    clock: np.ndarray,
    parameters: tuple[float, ...],
) -> None:
    """Step down the gradient by the row's rate; from this row on, shrinking is owed anew."""
    states[slot, WEIGHT] = weight - step * gradient
    states[slot, SINCE] = clock[SUM]


@kernel
def descend_per_coordinate(  # noqa: PLR0917
    states: np.ndarray,
    slot: int,
    gradient: float,
    weight: float,
    step: float,
    clock: np.ndarray,
    parameters: tuple[float, ...],
) -> None:
    """As ``descend``, by the coordinate's own rate, this gradient included."""
    n = states[slot, N] + gradient * gradient
    rate = own_rate(parameters.eta, parameters.delta, n)  # type: ignore[attr-defined]
    states[slot, WEIGHT] = weight - rate * gradient
    states[slot, SINCE] = clock[SUM]
    states[slot, N] = n


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
