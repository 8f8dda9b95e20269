"""A sparse linear model in memory: table, intercept and the algorithm that moves them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from updates.learners.sparse.algorithm import WEIGHTS, Algorithm, Rows
from updates.learners.sparse.slots import STATE, distinct, scratch_for
from updates.learners.sparse.table import FIRST_CAPACITY, KeyTable


class SparseModel:
    """Weights of 64-bit keys and an intercept, learned row by row.

    The intercept is a feature that is 1 in every row, learned by the same rule as all others; it
    has a cell of its own, so that no row has to carry its key.
    """

    def __init__(
        self,
        algorithm: Algorithm,
        parameters: tuple[float, ...],
        *,
        fit_intercept: bool = True,
        capacity: int = FIRST_CAPACITY,
    ) -> None:
        self.algorithm = algorithm
        self.parameters = parameters
        self.constant = float(fit_intercept)
        self.table = KeyTable(algorithm.columns, capacity)
        self._intercept = np.zeros((1, STATE + len(algorithm.columns)))
        self.clock = np.zeros(algorithm.clock)
        self._touched: list[np.ndarray] | None = None

    def copy(self) -> SparseModel:
        """One that goes its own way from here; what is tracked stays with this one."""
        model = SparseModel(self.algorithm, self.parameters, fit_intercept=bool(self.constant))
        model.table = self.table.copy()
        model._intercept = self._intercept.copy()
        model.clock = self.clock.copy()
        return model

    def track(self) -> None:
        """Remember from now on which keys learning touches."""
        self._touched = []

    def touched(self) -> np.ndarray:
        """(n,) distinct keys touched since ``track`` or the last call."""
        touched, self._touched = self._touched or [], []
        return distinct(np.concatenate([np.empty(0, np.uint64), *touched]))

    def learn(self, rows: Rows) -> tuple[np.ndarray, np.ndarray]:
        """Learn in order; returns (n,) predictions made before each row was learned, and the
        positions in ``rows.keys`` of the keys that were new, in the order of insertion."""
        predictions = np.empty(len(rows.labels))
        inserted = np.empty(len(rows.keys), np.int64)
        scratch = scratch_for(rows.indptr)
        if self._touched is not None:
            self._touched.append(rows.keys)
        row, count = 0, 0
        while True:
            row, self.table.size, count = self.algorithm.learn(
                self.table.view,
                rows,
                row,
                self.table.size,
                predictions,
                inserted,
                count,
                self._intercept,
                self.constant,
                self.clock,
                self.parameters,
                scratch,
            )
            if row == len(predictions):
                return predictions, inserted[:count]
            self.table.grow()

    @property
    def intercept(self) -> float:
        """Weight of the constant feature; 0 without one."""
        slot = np.zeros(1, np.int64)
        weight = self.algorithm.weights(self._intercept, slot, self.clock, self.parameters)[0]
        return float(weight) * self.constant

    def weights_of(self, keys: np.ndarray) -> np.ndarray:
        """(n,) weights of the keys; 0 for a key never seen."""
        slots = self.table.find(keys)
        return self.algorithm.weights(self.table.view.states, slots, self.clock, self.parameters)

    def weights(self) -> np.ndarray:
        """(size,) weights of all keys in the order of insertion."""
        slots = self.table.in_order()
        return self.algorithm.weights(self.table.view.states, slots, self.clock, self.parameters)

    def deployed(self, keys: np.ndarray) -> dict[str, np.ndarray]:
        """What serving needs of keys that are in the table, and of all: see ``Algorithm``."""
        if self.algorithm.deployed == WEIGHTS:
            weights = self.weights_of(keys)
            return {"keys": keys, "weights": weights, "intercept": np.array([self.intercept])}
        cells = self.table.view.states[self.table.find(keys), STATE:]
        columns = {name: cells[:, i].copy() for i, name in enumerate(self.algorithm.columns)}
        intercept = self._intercept[0, STATE:]
        return {"keys": keys, **columns, "intercept": intercept, "clock": self.clock}

    def is_finite(self) -> bool:
        """Whether every parameter is a finite number."""
        states = self.table.view.states[:, STATE:]
        return bool(np.isfinite(states).all() and np.isfinite(self._intercept).all())

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The state, independent of the table's capacity: its arrays, ``intercept``, ``clock``."""
        clock = {"clock": self.clock} if len(self.clock) else {}
        return {**self.table.to_arrays(), "intercept": self._intercept[0, STATE:], **clock}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Replace the state by one of ``to_arrays``. Raises KeyError if another algorithm's."""
        intercept, clock = arrays["intercept"], arrays.get("clock", np.empty(0))
        expected = len(self.algorithm.columns), self.algorithm.clock
        if (len(intercept), len(clock)) != expected:
            raise KeyError(f"the state is not one of {self.algorithm.name}")
        self.table = KeyTable.from_arrays(self.algorithm.columns, arrays)
        self._intercept[0, STATE:] = intercept
        self.clock[:] = clock
