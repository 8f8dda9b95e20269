"""The two loops that all algorithms share, compiled for the rule of each."""

from __future__ import annotations

from collections.abc import Callable
from types import FunctionType
from typing import Any, NamedTuple

import numpy as np

from updates.learners.sparse.algorithm import Rows
from updates.learners.sparse.delayed_feedback import fake_negative_weight
from updates.learners.sparse.logistic import clipped, sigmoid
from updates.learners.sparse.slots import STATE, Scratch, View, block_end, locate
from updates.samples.jit import kernel


class Rule(NamedTuple):
    """How one algorithm reads and moves a coordinate: compiled functions, inlined into the loops.

    Rows learned so far are those before the present one, until ``tick``.

    weight : ``(states, slot, clock, parameters) -> float``, after the rows learned so far.
    step : ``(clock, parameters) -> float``, the global learning rate of the present row, if any.
    update : ``(states, slot, gradient, weight, step, clock, parameters) -> None`` moves a
        coordinate of the present row by its gradient at the weight it was predicted with.
    tick : ``(clock, parameters) -> None``, the present row is learned.
    """

    weight: Callable[..., float]
    step: Callable[..., float]
    update: Callable[..., None]
    tick: Callable[..., None]

    def learn(self, name: str) -> Any:
        """``Algorithm.learn`` by this rule."""
        return self._compile(_learn, name)

    def weights(self, name: str) -> Any:
        """``Algorithm.weights`` by this rule."""
        return self._compile(_weights, name)

    def _compile(self, loop: Callable[..., Any], name: str) -> Any:
        """The loop, with the rule's functions as its globals.

        Not a closure over them: what numba compiles of closures over compiled functions is in the
        cache of no other process.
        """
        own = FunctionType(loop.__code__, {**globals(), **self._asdict()}, loop.__name__)
        own.__qualname__ = f"{loop.__name__}_{name}"
        return kernel(own)


def _a_part_of_the_rule(*_: Any) -> Any:
    raise NotImplementedError  # every compiled loop has its rule's in place of this


weight = step = update = tick = _a_part_of_the_rule


def _learn(  # noqa: PLR0917
    view: View,
    rows: Rows,
    row: int,
    size: int,
    predictions: np.ndarray,
    inserted: np.ndarray,
    count: int,
    intercept: np.ndarray,
    constant: float,
    clock: np.ndarray,
    parameters: tuple[float, ...],
    scratch: Scratch,
) -> tuple[int, int, int]:
    """Predict, then learn, row by row; see ``Algorithm.learn``."""
    states, slots, weights = view.states, scratch.slots, scratch.weights
    while row < predictions.shape[0]:
        end, base = block_end(rows.indptr, row), rows.indptr[row]
        fits, size, count = locate(
            view, size, rows.keys, base, rows.indptr[end], scratch, inserted, count
        )
        if not fits:
            break
        for i in range(row, end):
            start, stop = rows.indptr[i], rows.indptr[i + 1]
            bias = weight(intercept, 0, clock, parameters)
            margin = bias * constant
            if rows.offsets.shape[0]:
                margin += rows.offsets[i]
            for j in range(start, stop):
                weights[j - base] = weight(states, slots[j - base], clock, parameters)
                margin += weights[j - base] * rows.values[j]
            probability = sigmoid(margin)
            predictions[i] = clipped(probability)
            slope = (probability - rows.labels[i]) * rows.weights[i]
            if rows.fake_negatives:
                slope *= fake_negative_weight(probability, rows.labels[i])
            rate = step(clock, parameters)
            update(intercept, 0, slope * constant, bias, rate, clock, parameters)
            for j in range(start, stop):
                gradient = slope * rows.values[j]
                update(
                    states, slots[j - base], gradient, weights[j - base], rate, clock, parameters
                )
            tick(clock, parameters)
        row = end
    return row, size, count


def _weights(
    states: np.ndarray, slots: np.ndarray, clock: np.ndarray, parameters: tuple[float, ...]
) -> np.ndarray:
    """(n,) weights of the cells ``slots``; 0 where a slot is ABSENT."""
    result = np.zeros(slots.shape[0])
    for i in range(slots.shape[0]):
        if slots[i] >= 0:
            result[i] = weight(states, slots[i], clock, parameters)
    return result


@kernel
def no_step(clock: np.ndarray, parameters: tuple[float, ...]) -> float:
    """The step of a rule whose rates are the coordinates' own."""
    return 0.0


@kernel
def no_tick(clock: np.ndarray, parameters: tuple[float, ...]) -> None:
    """The tick of a rule in which time moves nothing."""


@kernel
def stored(
    states: np.ndarray, slot: int, clock: np.ndarray, parameters: tuple[float, ...]
) -> float:
    """The weight that lies there as it is."""
    return states[slot, STATE]  # type: ignore[no-any-return]


@kernel
def no_update(  # noqa: PLR0917
    states: np.ndarray,
    slot: int,
    gradient: float,
    weight: float,
    step: float,
    clock: np.ndarray,
    parameters: tuple[float, ...],
) -> None:
    """The update of what is only read."""


stored_weights = Rule(stored, no_step, no_update, no_tick).weights("stored")
