"""A sparse linear model in memory: table, intercept and the algorithm that moves them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from updates.learners.sparse.algorithm import WEIGHTS, Algorithm, Rows
from updates.learners.sparse.keeping import Keeping
from updates.learners.sparse.slots import ABSENT, STATE, distinct, scratch_for
from updates.learners.sparse.table import FIRST_CAPACITY, KeyTable

PART_KEYS = 1 << 14  # keys learned at once while the table moves or chooses: they fit the caches


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
        keeping: Keeping | None = None,
    ) -> None:
        self.algorithm = algorithm
        self.parameters = parameters
        self.constant = float(fit_intercept)
        self.table = KeyTable(algorithm.columns, capacity)
        self._intercept = np.zeros((1, STATE + len(algorithm.columns)))
        self.clock = np.zeros(algorithm.clock)
        self.keeping = keeping or Keeping()
        self._touched: list[np.ndarray] | None = None
        self._removed: list[np.ndarray] = []

    def copy(self) -> SparseModel:
        """One that goes its own way from here; what is tracked stays with this one."""
        model = SparseModel(self.algorithm, self.parameters, fit_intercept=bool(self.constant))
        model.table = self.table.copy()
        model._intercept = self._intercept.copy()
        model.clock = self.clock.copy()
        model.keeping = self.keeping.copy()
        return model

    def track(self) -> None:
        """Remember from now on which keys learning touches."""
        self._touched = []

    def touched(self) -> np.ndarray:
        """(n,) distinct keys touched since ``track`` or the last call."""
        touched, self._touched = self._touched or [], []
        return distinct(np.concatenate([np.empty(0, np.uint64), *touched]))

    def learn(
        self, rows: Rows, event_times: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Learn in order; returns (n,) predictions made before each row was learned, and the
        positions in ``rows.keys`` of the keys that were new, in the order of insertion.

        event_times : (n,) int64 epoch milliseconds; ValueError without where keys expire.
        """
        predictions = np.empty(len(rows.labels))
        inserted = [np.empty(0, np.int64)]
        hours, expiry = None, self.keeping.expiry
        if expiry is not None:
            if event_times is None:
                raise ValueError("where keys expire, rows need their event times")
            hours = expiry.hours(event_times)
        start = 0
        while start < len(predictions):
            stop = self._part(rows.indptr, hours, start)
            learned, positions = self._learn_part(_cut(rows, start, stop), predictions[start:stop])
            if expiry is not None and learned:
                self._forget(expiry.advance(self.table))
            inserted.append(positions)
            start += learned
        return predictions, np.concatenate(inserted)

    def _part(self, indptr: np.ndarray, hours: np.ndarray | None, start: int) -> int:
        """One past the last row that can be learned at once from ``start`` on."""
        stop, keeping = len(indptr) - 1, self.keeping
        if keeping.expiry is not None and hours is not None:
            stop = keeping.expiry.enter(self.table, hours, start)
        if keeping.admission is not None or self.table.growing:
            fits = np.searchsorted(indptr, indptr[start] + PART_KEYS, side="right") - 1
            stop = min(stop, max(start + 1, int(fits)))
        return stop

    def _learn_part(self, rows: Rows, predictions: np.ndarray) -> tuple[int, np.ndarray]:
        """Learn rows until the table must grow; returns how many, and the positions of new keys."""
        keys = rows.keys[rows.indptr[0] : rows.indptr[-1]]
        self.table.step(keys)
        inserted, admission = np.empty(len(keys), np.int64), self.keeping.admission
        if admission is not None:
            rows, inserted = admission.filter(self.table, rows)
            keys = rows.keys
        if self._touched is not None:
            self._touched.append(keys)
        learned, self.table.size, count = self.algorithm.learn(
            self.table.view,
            rows,
            0,
            self.table.size,
            predictions,
            inserted,
            0 if admission is None else len(inserted),
            self._intercept,
            self.constant,
            self.clock,
            self.parameters,
            scratch_for(rows.indptr),
        )
        if learned < len(predictions):
            self.table.start_growth()
        return learned, inserted[:count]

    def _forget(self, keys: np.ndarray) -> None:
        """Remove what has expired."""
        if len(keys):
            self._removed.append(self.table.remove(keys))
        if self._touched is not None:
            self._touched.append(keys)

    def removed(self) -> np.ndarray:
        """(m,) numbers of the keys that have expired since the last call."""
        removed, self._removed = self._removed, []
        return np.concatenate([np.empty(0, np.int64), *removed])

    @property
    def seen(self) -> int:
        """Distinct keys met; estimated where not all are admitted, and one that expired and came
        again counts twice where all are."""
        return self.keeping.seen(self.table)

    @property
    def intercept(self) -> float:
        """Weight of the constant feature; 0 without one."""
        slot = np.zeros(1, np.int64)
        weight = self.algorithm.weights(self._intercept, slot, self.clock, self.parameters)[0]
        return float(weight) * self.constant

    def weights_of(self, keys: np.ndarray) -> np.ndarray:
        """(n,) weights of the keys; 0 for a key never seen."""
        return self.algorithm.weights(*self.table.read(keys), self.clock, self.parameters)

    def weights(self) -> np.ndarray:
        """(size,) weights of all keys in the order of insertion."""
        slots = self.table.in_order()
        return self.algorithm.weights(self.table.view.states, slots, self.clock, self.parameters)

    def non_zero(self) -> tuple[np.ndarray, np.ndarray]:
        """(n,) keys with a weight other than zero, in the order of insertion, and (n,) weights."""
        keys, weights = self.table.to_arrays()["keys"], self.weights()
        there = np.flatnonzero(weights)
        return keys[there], weights[there]

    def deployed(self, keys: np.ndarray) -> dict[str, np.ndarray]:
        """What serving needs of the keys, zeros for one that is not here, and of all: see
        ``Algorithm``."""
        if self.algorithm.deployed == WEIGHTS:
            weights = self.weights_of(keys)
            return {"keys": keys, "weights": weights, "intercept": np.array([self.intercept])}
        states, slots = self.table.read(keys)
        cells = np.where((slots != ABSENT)[:, np.newaxis], states[slots, STATE:], 0.0)
        columns = {name: cells[:, i].copy() for i, name in enumerate(self.algorithm.columns)}
        intercept = self._intercept[0, STATE:]
        return {"keys": keys, **columns, "intercept": intercept, "clock": self.clock}

    def is_finite(self) -> bool:
        """Whether every parameter is a finite number."""
        self.table.settle()
        states = self.table.view.states[:, STATE:]
        return bool(np.isfinite(states).all() and np.isfinite(self._intercept).all())

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The state, independent of the table's capacity: its arrays, ``intercept``, ``clock``,
        and what decides about admission and expiry."""
        return {
            **self.table.to_arrays(),
            "intercept": self._intercept[0, STATE:],
            **({"clock": self.clock} if len(self.clock) else {}),
            **self.keeping.to_arrays(self.table),
        }

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Replace the state by one of ``to_arrays``. Raises KeyError if another algorithm's."""
        intercept, clock = arrays["intercept"], arrays.get("clock", np.empty(0))
        expected = len(self.algorithm.columns), self.algorithm.clock
        if (len(intercept), len(clock)) != expected:
            raise KeyError(f"the state is not one of {self.algorithm.name}")
        hours = self.keeping.hours(arrays)
        self.table = KeyTable.from_arrays(self.algorithm.columns, arrays, hours)
        self._intercept[0, STATE:] = intercept
        self.clock[:] = clock
        self.keeping.restore(arrays, self.table)


def _cut(rows: Rows, start: int, stop: int) -> Rows:
    """The rows start:stop, their keys where they were."""
    return rows._replace(
        indptr=rows.indptr[start : stop + 1],
        labels=rows.labels[start:stop],
        weights=rows.weights[start:stop],
        offsets=rows.offsets[start:stop],
    )
