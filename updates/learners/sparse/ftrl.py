"""FTRL-Proximal with per-coordinate rates, L1 and L2 (McMahan et al., KDD 2013, Algorithm 1)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from updates.learners.options import Option
from updates.learners.sparse.algorithm import PER_COORDINATE, WEIGHTS, Algorithm
from updates.learners.sparse.loops import Rule, no_step, no_tick, stored_weights
from updates.learners.sparse.slots import STATE
from updates.samples.jit import kernel

Z, N = STATE, STATE + 1


class Parameters(NamedTuple):
    """Alpha, beta, lambda 1 and lambda 2 of Algorithm 1."""

    alpha: float
    beta: float
    l1: float
    l2: float


@kernel
def weight(states: np.ndarray, slot: int, clock: np.ndarray, parameters: Parameters) -> float:
    """The weight that z and n stand for: exactly 0 while |z| <= l1.

    Also 0 while n is 0: of gradients so small that their squares vanish, beta = 0 would make an
    infinite weight.
    """
    z, n = states[slot, Z], states[slot, N]
    if abs(z) <= parameters.l1 or n == 0.0:
        return 0.0
    rate = (parameters.beta + math.sqrt(n)) / parameters.alpha + parameters.l2
    return -(z - math.copysign(parameters.l1, z)) / rate  # type: ignore[no-any-return]


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
    """Move z and n of one coordinate by its gradient at the weight it was predicted with."""
    n = states[slot, N]
    after = n + gradient * gradient
    sigma = (math.sqrt(after) - math.sqrt(n)) / parameters.alpha
    states[slot, Z] += gradient - sigma * weight
    states[slot, N] = after


_rule = Rule(weight, no_step, update, no_tick)

FTRL = Algorithm(
    name="ftrl",
    rate=PER_COORDINATE,
    columns=("z", "n"),
    clock=0,
    options=(
        Option("alpha", 0.1, "Learning rate: how far the first steps go.", 1e-6, 100.0),
        Option("beta", 1.0, "Slows the first steps of each feature; 1 is usually good.", 0.0, 1e3),
        Option("l1", 1.0, "L1: the larger, the more weights are exactly zero.", 0.0, 1e6),
        Option("l2", 0.0, "L2: the larger, the smaller the weights.", 0.0, 1e6),
    ),
    parameters=Parameters,
    learn=_rule.learn("ftrl"),
    weights=_rule.weights("ftrl"),
    deployed=WEIGHTS,
    deployed_weights=stored_weights,
)
