"""What an algorithm of the sparse family consists of, and the rows it learns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from updates.learners.options import Option

GLOBAL, PER_COORDINATE = "global", "per_coordinate"
WEIGHTS = ("weights",)  # what is deployed by an algorithm whose weights rest until they are touched


NO_OFFSETS = np.empty(0)


class Rows(NamedTuple):
    """Rows of sparse features, as kernels read them.

    indptr : (n + 1,) int64; row i has the keys ``keys[indptr[i]:indptr[i + 1]]``, each once.
    keys : (nnz,) uint64, never 0; values : (nnz,) float64, never 0; labels : (n,) float64, 0 or 1;
    weights : (n,) float64, multipliers of the gradient of the loss.
    fake_negatives : whether a positive row repeats one that came as a negative, and the loss is to
        be weighted accordingly (``delayed_feedback``).
    offsets : (n,) float64 added to the margins, what another part of the model says of the rows;
        empty where there is none.
    """

    indptr: np.ndarray
    keys: np.ndarray
    values: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    fake_negatives: bool = False
    offsets: np.ndarray = NO_OFFSETS


@dataclass(frozen=True)
class Algorithm:
    """One way to learn the weights of a sparse linear model.

    In all of them a weight that is exactly 0 stays 0 until its key is touched again: time shrinks
    magnitudes and moves nothing away from 0. So keys of weight 0 need not be deployed.

    rate : whether one learning rate goes for all keys, or each has its own; algorithms that have
        both are two of these, with the same name and options.
    columns : what is kept per key, by name, all zero for a new key.
    clock : length of what is kept once for all keys, zeros in the beginning: the number of rows
        learned, and sums over them, from which the weight of a key follows that was not touched.
    options : its parameters, declared; ``parameters`` is the NamedTuple that kernels take.
    learn : kernel ``(view, rows, row, size, predictions, inserted, count, intercept, constant,
        clock, parameters, scratch) -> (row, size, count)``: learns from ``row`` on, writing a
        prediction before it learns a row, and returns early, at the first row not learned, when
        the table must grow. ``intercept`` is a (1, width) cell of its own for the feature that has
        the value ``constant`` in every row.
    weights : kernel ``(states, slots, clock, parameters) -> (n,) float64``; 0 for ABSENT slots.
    deployed : what serving needs per key: ``WEIGHTS``, or, where weights of keys that are not
        touched change with time, the columns, and the clock with them.
    deployed_weights : kernel as ``weights``, of a table with the deployed columns.
    """

    name: str
    rate: str
    columns: tuple[str, ...]
    clock: int
    options: tuple[Option, ...]
    parameters: type[tuple[float, ...]]
    learn: Callable[..., tuple[int, int, int]]
    weights: Callable[..., np.ndarray]
    deployed: tuple[str, ...]
    deployed_weights: Callable[..., np.ndarray]

    def deployed_bytes(self, number_bytes: int = 8) -> int:
        """Of a key as deployed: itself in 64 bits, and numbers of so many bytes."""
        return 8 + number_bytes * len(self.deployed)

    def configure(self, settings: Mapping[str, Any]) -> tuple[float, ...]:
        """The kernels' parameters out of settings that may hold others too."""
        fields: tuple[str, ...] = self.parameters._fields  # type: ignore[attr-defined]
        return self.parameters(*(settings[name] for name in fields))


def rate_option() -> Option:
    """Which of an algorithm's two forms."""
    return Option(
        "rate",
        GLOBAL,
        "One learning rate for all features, falling with the number of samples (global), or one "
        "for each, falling with the squares of its own gradients (per_coordinate).",
        choices=(GLOBAL, PER_COORDINATE),
    )


def delta_option() -> Option:
    """The damping of AdaGrad's rates."""
    return Option(
        "delta", 1.0, "Slows the first steps of each feature, per-coordinate rates only.", 0.0, 1e3
    )
