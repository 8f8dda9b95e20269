"""What an algorithm of the sparse family consists of, and the rows it learns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from updates.learners.options import Option


class Rows(NamedTuple):
    """Rows of sparse features, as kernels read them.

    indptr : (n + 1,) int64; row i has the keys ``keys[indptr[i]:indptr[i + 1]]``, each once.
    keys : (nnz,) uint64, never 0; values : (nnz,) float64, never 0; labels : (n,) float64, 0 or 1;
    weights : (n,) float64, multipliers of the gradient of the loss.
    """

    indptr: np.ndarray
    keys: np.ndarray
    values: np.ndarray
    labels: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class Algorithm:
    """One way to learn the weights of a sparse linear model.

    columns : what is kept per key, by name.
    options : its parameters, declared; ``parameters`` is the NamedTuple that kernels take.
    learn : kernel ``(view, rows, row, size, predictions, inserted, count, intercept, constant,
        parameters, scratch) -> (row, size, count)``: learns from ``row`` on, writing a prediction
        before it learns a row, and returns early, at the first row not learned, when the table
        must grow. ``intercept`` is a (1, width) cell of its own for the feature that has the value
        ``constant`` in every row.
    weights : kernel ``(states, slots, parameters) -> (n,) float64``; 0 for ABSENT slots.
    """

    name: str
    columns: tuple[str, ...]
    options: tuple[Option, ...]
    parameters: Callable[..., tuple[float, ...]]
    learn: Callable[..., tuple[int, int, int]]
    weights: Callable[..., np.ndarray]

    def configure(self, settings: Mapping[str, Any]) -> tuple[float, ...]:
        """The kernels' parameters out of settings that may hold others too."""
        return self.parameters(*(settings[option.name] for option in self.options))
