"""Truncated gradient (Langford, Li & Zhang, JMLR 10, 2009): gradient steps, shrunk now and then.

After every ``period``-th row each weight w becomes T(w, period·gravity·rate, theta):

    T(w, a, theta) = soft(w, a) where |w| <= theta, else w

soft(w, a) being w moved towards 0 by a. The rate is eta/√t, t the number of the row, or a
coordinate's own, eta/(delta + √n), n the sum of its squared gradients.

A weight within theta stays within it while its coordinate is not touched, and one outside stays
outside. So of all truncations since the last touch, as exactly as one by one, the sum is
subtracted at once when the weight is read.
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
    """eta, g, theta and K of the paper; delta of AdaGrad."""

    eta: float
    gravity: float
    theta: float
    period: int
    delta: float


@kernel
def truncated(weight: float, owed: float, theta: float) -> float:
    """T of the paper."""
    return soft(weight, owed) if abs(weight) <= theta else weight


@kernel
def due(clock: np.ndarray, parameters: Parameters) -> bool:
    """Whether the present row is a ``period``-th one."""
    return (clock[ROWS] + 1.0) % parameters.period == 0.0  # type: ignore[no-any-return]


@kernel
def weight(states: np.ndarray, slot: int, clock: np.ndarray, parameters: Parameters) -> float:
    """The weight after all truncations; the clock's sum is that of their rates times period."""
    owed = parameters.gravity * (clock[SUM] - states[slot, SINCE])
    return truncated(states[slot, WEIGHT], owed, parameters.theta)


@kernel
def tick(clock: np.ndarray, parameters: Parameters) -> None:
    """Count the row, and the rate of the truncation after it."""
    if due(clock, parameters):
        add(clock, parameters.period * falling_rate(clock, parameters))
    clock[ROWS] += 1.0


@kernel
def weight_per_coordinate(
    states: np.ndarray, slot: int, clock: np.ndarray, parameters: Parameters
) -> float:
    """The weight after all truncations; the clock's sum is that of the rows they stand for."""
    rate = own_rate(parameters.eta, parameters.delta, states[slot, N])
    owed = parameters.gravity * rate * (clock[SUM] - states[slot, SINCE])
    return truncated(states[slot, WEIGHT], owed, parameters.theta)


@kernel
def tick_per_coordinate(clock: np.ndarray, parameters: Parameters) -> None:
    """Count the row, and the truncation after it."""
    if due(clock, parameters):
        add(clock, float(parameters.period))
    clock[ROWS] += 1.0


_rule = Rule(weight, falling_rate, descend, tick)
_rule_per_coordinate = Rule(
    weight_per_coordinate, no_step, descend_per_coordinate, tick_per_coordinate
)
_weights = _rule.weights("truncated")
_weights_per_coordinate = _rule_per_coordinate.weights("truncated_per_coordinate")
_columns = ("weight", "truncated_since")
_columns_per_coordinate = ("weight", "truncated_since", "n")

TRUNCATED = Algorithm(
    name="truncated",
    rate=GLOBAL,
    columns=_columns,
    clock=CLOCK,
    options=(
        eta_option(),
        Option("gravity", 1e-5, "How strongly a sample pulls small weights to 0.", 0.0, 1e3),
        Option("theta", 1.0, "Only weights up to this magnitude are pulled.", 0.0, 1e6),
        Option("period", 10, "Samples from one truncation to the next.", 1, 1_000_000),
        rate_option(),
        delta_option(),
    ),
    parameters=Parameters,
    learn=_rule.learn("truncated"),
    weights=_weights,
    deployed=_columns,
    deployed_weights=_weights,
)
TRUNCATED_PER_COORDINATE = Algorithm(
    name=TRUNCATED.name,
    rate=PER_COORDINATE,
    columns=_columns_per_coordinate,
    clock=CLOCK,
    options=TRUNCATED.options,
    parameters=Parameters,
    learn=_rule_per_coordinate.learn("truncated_per_coordinate"),
    weights=_weights_per_coordinate,
    deployed=_columns_per_coordinate,
    deployed_weights=_weights_per_coordinate,
)
