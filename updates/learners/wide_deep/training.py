"""Gradients and steps of the deep part, by JAX and optax: imported only by who trains."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from updates.learners.wide_deep.upper import Upper, layers, length

Step = Callable[..., tuple[Any, Any, Any]]


def step(
    upper: Upper, inputs: np.ndarray, slopes: np.ndarray, rate: float, *, upper_learns: bool
) -> np.ndarray:
    """Learn one mini-batch; returns (n, inputs) float32, the loss's gradients by the inputs.

    inputs : (n, inputs) float32. slopes : (n,) float32, derivative of each row's loss by its
    logit; what the rest of the model says of a row is in them. n is the same in all calls, or each
    new one compiles.
    """
    if not upper_learns:
        return np.asarray(_gradients(upper.sizes)(upper.weights, inputs, slopes))
    structure, first = _state(upper.sizes, rate)
    state = jax.tree.unflatten(structure, upper.optimiser or first)
    weights, state, gradients = _step(upper.sizes, rate)(upper.weights, state, inputs, slopes)
    upper.weights = np.array(weights)  # a copy: JAX's own is read-only, for which kernels differ
    upper.optimiser = tuple(np.asarray(leaf) for leaf in jax.tree.leaves(state))
    return np.asarray(gradients)


def forward(sizes: tuple[int, ...], weights: jax.Array, inputs: jax.Array) -> jax.Array:
    """(n,) logits."""
    for at, ins, outs in layers(sizes):
        end = at + ins * outs
        sums = inputs @ weights[at:end].reshape(ins, outs) + weights[end : end + outs]
        inputs = jax.nn.relu(sums)
    return sums[:, 0]


@cache
def _state(sizes: tuple[int, ...], rate: float) -> tuple[Any, tuple[np.ndarray, ...]]:
    """Structure of the optimiser's state, and its first leaves."""
    leaves, structure = jax.tree.flatten(optax.adam(rate).init(jnp.zeros(length(sizes))))
    return structure, tuple(np.asarray(leaf) for leaf in leaves)


@cache
def _step(sizes: tuple[int, ...], rate: float) -> Step:
    optimiser = optax.adam(rate)

    def run(
        weights: jax.Array, state: optax.OptState, inputs: jax.Array, slopes: jax.Array
    ) -> tuple[jax.Array, optax.OptState, jax.Array]:
        _, back = jax.vjp(partial(forward, sizes), weights, inputs)
        by_weights, by_inputs = back(slopes)
        changes, state = optimiser.update(by_weights / len(slopes), state, weights)
        return optax.apply_updates(weights, changes), state, by_inputs

    return jax.jit(run)


@cache
def _gradients(sizes: tuple[int, ...]) -> Callable[..., jax.Array]:
    def run(weights: jax.Array, inputs: jax.Array, slopes: jax.Array) -> jax.Array:
        _, back = jax.vjp(lambda x: forward(sizes, weights, x), inputs)
        (by_inputs,) = back(slopes)
        return jnp.asarray(by_inputs)

    return jax.jit(run)
