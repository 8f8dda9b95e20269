"""FOBOS with L1 (Duchi & Singer, JMLR 10, 2009): a step down the gradient, then a shrink.

With v = w - rate·g, the weight after a row is soft(v, rate·l1): v moved towards 0 by that much. The
rate is eta/√t, t the number of the row, or a coordinate's own, eta/(delta + √n), n the sum of its
squared gradients, the present one included.

Each row shrinks every weight, those of coordinates that it does not have too. As shrinking twice
is shrinking once by the sum, what a coordinate owes since its last row is subtracted when it is
read:

    l1 · sum of eta/√s over the rows s from the last touch on     global
    l1 · eta/(delta + √n) · rows from the last touch on           per coordinate

The second is exact too, as n only changes where the coordinate is touched.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from updates.learners.options import Option
from updates.learners.sparse.algorithm import (
    GLOBAL,
    PER_COORDINATE,
    Algorithm,
    delta_option,
    rate_option,
)
from updates.learners.sparse.loops import Rule, no_step
from updates.learners.sparse.shrinkage import (
    CLOCK,
    ROWS,
    SINCE,
    SUM,
    WEIGHT,
    N,
    add,
    descend,
    descend_per_coordinate,
    eta_option,
    falling_rate,
    own_rate,
    soft,
)
from updates.samples.jit import kernel


class Parameters(NamedTuple):
    """The learning rate, lambda, and what damps the rate where each coordinate has its own."""

    eta: float
    l1: float
    delta: float


@kernel
def weight(states: np.ndarray, slot: int, clock: np.ndarray, parameters: Parameters) -> float:
    """The weight less what it owes; the clock's sum is that of the rates."""
    owed = parameters.l1 * (clock[SUM] - states[slot, SINCE])
    return soft(states[slot, WEIGHT], owed)


@kernel
def tick(clock: np.ndarray, parameters: Parameters) -> None:
    """Count the row and its rate."""
    add(clock, falling_rate(clock, parameters))
    clock[ROWS] += 1.0


@kernel
def weight_per_coordinate(
    states: np.ndarray, slot: int, clock: np.ndarray, parameters: Parameters
) -> float:
    """The weight less what it owes; the clock's sum is that of the rows."""
    rate = own_rate(parameters.eta, parameters.delta, states[slot, N])
    owed = parameters.l1 * rate * (clock[SUM] - states[slot, SINCE])
    return soft(states[slot, WEIGHT], owed)


@kernel
def tick_per_coordinate(clock: np.ndarray, parameters: Parameters) -> None:
    """Count the row."""
    add(clock, 1.0)
    clock[ROWS] += 1.0


_rule = Rule(weight, falling_rate, descend, tick)
_rule_per_coordinate = Rule(
    weight_per_coordinate, no_step, descend_per_coordinate, tick_per_coordinate
)
_weights = _rule.weights("fobos")
_weights_per_coordinate = _rule_per_coordinate.weights("fobos_per_coordinate")
_columns = ("weight", "since")
_columns_per_coordinate = ("weight", "since", "n")

FOBOS = Algorithm(
    name="fobos",
    rate=GLOBAL,
    columns=_columns,
    clock=CLOCK,
    options=(
        eta_option(),
        Option("l1", 1e-5, "L1 a sample, so far smaller than ftrl's: more zeros.", 0.0, 1e3),
        rate_option(),
        delta_option(),
    ),
    parameters=Parameters,
    learn=_rule.learn("fobos"),
    weights=_weights,
    deployed=_columns,
    deployed_weights=_weights,
)
FOBOS_PER_COORDINATE = Algorithm(
    name=FOBOS.name,
    rate=PER_COORDINATE,
    columns=_columns_per_coordinate,
    clock=CLOCK,
    options=FOBOS.options,
    parameters=Parameters,
    learn=_rule_per_coordinate.learn("fobos_per_coordinate"),
    weights=_weights_per_coordinate,
    deployed=_columns_per_coordinate,
    deployed_weights=_weights_per_coordinate,
)
