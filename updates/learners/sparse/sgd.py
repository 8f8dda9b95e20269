"""Plain stochastic gradient descent, without any penalty."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from updates.learners.sparse.algorithm import (
    GLOBAL,
    PER_COORDINATE,
    WEIGHTS,
    Algorithm,
    delta_option,
    rate_option,
)
from updates.learners.sparse.loops import Rule, no_step, no_tick, stored, stored_weights
from updates.learners.sparse.shrinkage import ROWS, eta_option, falling_rate, own_rate
from updates.learners.sparse.slots import STATE
from updates.samples.jit import kernel

WEIGHT, N = STATE, STATE + 1


class Parameters(NamedTuple):
    """The learning rate, and what damps it where each coordinate has its own."""

    eta: float
    delta: float


@kernel
def tick(clock: np.ndarray, parameters: Parameters) -> None:
    """Count the row."""
    clock[ROWS] += 1.0


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
    """Step down the gradient by the row's rate."""
    states[slot, WEIGHT] = weight - step * gradient


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
    """Step down the gradient by the coordinate's own rate, this gradient included."""
    n = states[slot, N] + gradient * gradient
    states[slot, WEIGHT] = weight - own_rate(parameters.eta, parameters.delta, n) * gradient
    states[slot, N] = n


SGD = Algorithm(
    name="sgd",
    rate=GLOBAL,
    columns=("weight",),
    clock=1,
    options=(eta_option(), rate_option(), delta_option()),
    parameters=Parameters,
    learn=Rule(stored, falling_rate, update, tick).learn("sgd"),
    weights=stored_weights,
    deployed=WEIGHTS,
    deployed_weights=stored_weights,
)
SGD_PER_COORDINATE = Algorithm(
    name=SGD.name,
    rate=PER_COORDINATE,
    columns=("weight", "n"),
    clock=0,
    options=SGD.options,
    parameters=Parameters,
    learn=Rule(stored, no_step, update_per_coordinate, no_tick).learn("sgd_per_coordinate"),
    weights=stored_weights,
    deployed=WEIGHTS,
    deployed_weights=stored_weights,
)
