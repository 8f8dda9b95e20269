"""Regularised dual averaging with L1 (Xiao, JMLR 11, 2010, Algorithm 2: the enhanced form).

With G the sum of a coordinate's gradients over t rows, its weight is

    -soft(G, l1·t + gamma·rho·√t) / (gamma·√t)                                      global
    -soft(G, l1·t + gamma·rho·√t) / (gamma·(delta + √n)), n = sum of squares        per coordinate

soft(G, c) being G moved towards 0 by c. The first is Xiao's -(√t/gamma)·soft(mean gradient,
l1 + gamma·rho/√t); the second, with rho = 0 and eta = 1/gamma, that of Duchi, Hazan & Singer
(JMLR 12, 2011). A coordinate's state changes only in rows that have it, its weight in every row:
as t grows, |G| stays and the threshold rises.
"""

from __future__ import annotations

import math
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
from updates.learners.sparse.shrinkage import ROWS, own_rate, soft
from updates.learners.sparse.slots import STATE
from updates.samples.jit import kernel

G, N = STATE, STATE + 1


class Parameters(NamedTuple):
    """Gamma, lambda and rho of Xiao's Algorithm 2; delta of AdaGrad."""

    gamma: float
    l1: float
    rho: float
    delta: float


@kernel
def threshold(t: float, parameters: Parameters) -> float:
    """What the sum of t gradients must exceed for a weight other than 0."""
    return parameters.l1 * t + parameters.gamma * parameters.rho * math.sqrt(t)


@kernel
def weight(states: np.ndarray, slot: int, clock: np.ndarray, parameters: Parameters) -> float:
    """The weight that the sum of gradients stands for after ``clock[ROWS]`` rows."""
    t = clock[ROWS]
    beyond = soft(states[slot, G], threshold(t, parameters))
    # Before the first row the sum is 0, and so is the divisor.
    return -beyond / (parameters.gamma * math.sqrt(t)) if beyond != 0.0 else 0.0


@kernel
def update(  # noqa: PLR0917
    states: np.ndarray,
    slot: int,
    gradient: float,
    weight: float,
    step: float,
    clock: np.ndarray,
    parameters: Parameters,
) -> None:
    """Add the gradient to the sum."""
    states[slot, G] += gradient


@kernel
def weight_per_coordinate(
    states: np.ndarray, slot: int, clock: np.ndarray, parameters: Parameters
) -> float:
    """As ``weight``, with a scale of the coordinate's own."""
    beyond = soft(states[slot, G], threshold(clock[ROWS], parameters))
    return -beyond * own_rate(1.0 / parameters.gamma, parameters.delta, states[slot, N])


@kernel
def update_per_coordinate(  # noqa: PLR0917
    states: np.ndarray,
    slot: int,
    gradient: float,
    weight: float,
    step: float,
    clock: np.ndarray,
    parameters: Parameters,
) -> None:
    """Add the gradient and its square to their sums."""
    states[slot, G] += gradient
    states[slot, N] += gradient * gradient


@kernel
def tick(clock: np.ndarray, parameters: Parameters) -> None:
    """Count the row."""
    clock[ROWS] += 1.0


_rule = Rule(weight, no_step, update, tick)
_rule_per_coordinate = Rule(weight_per_coordinate, no_step, update_per_coordinate, tick)
_weights = _rule.weights("rda")
_weights_per_coordinate = _rule_per_coordinate.weights("rda_per_coordinate")
_columns = ("gradients",)
_columns_per_coordinate = ("gradients", "n")

RDA = Algorithm(
    name="rda",
    rate=GLOBAL,
    columns=_columns,
    clock=1,
    options=(
        Option("gamma", 1.0, "The larger, the smaller the steps.", 1e-3, 1e6),
        Option("l1", 1e-5, "L1 a sample, so far smaller than ftrl's: more zeros.", 0.0, 1e3),
        Option("rho", 0.0, "More zeros in the beginning, fading with time.", 0.0, 1e3),
        rate_option(),
        delta_option(),
    ),
    parameters=Parameters,
    learn=_rule.learn("rda"),
    weights=_weights,
    deployed=_columns,
    deployed_weights=_weights,
)
RDA_PER_COORDINATE = Algorithm(
    name=RDA.name,
    rate=PER_COORDINATE,
    columns=_columns_per_coordinate,
    clock=1,
    options=RDA.options,
    parameters=Parameters,
    learn=_rule_per_coordinate.learn("rda_per_coordinate"),
    weights=_weights_per_coordinate,
    deployed=_columns_per_coordinate,
    deployed_weights=_weights_per_coordinate,
)
