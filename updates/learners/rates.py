"""Historical features: the rate of label 1 that each value of a feature has had so far.

He et al. 2014 (Practical Lessons from Predicting Clicks on Ads at Facebook, §5.2) found historical
features to carry nearly all of what boosted trees know about clicks. A rate that counted the row's
own label would give the label away; so each row sees only what came before it, as in the ordered
target statistics of Prokhorenkova et al. 2018 (CatBoost, §3.2), with the log's own order in place
of a random one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from updates.learners.key_columns import feature_names, key_columns
from updates.learners.sparse.slots import ABSENT, STATE, Scratch, distinct, locate
from updates.learners.sparse.table import KeyTable
from updates.samples.jit import kernel
from updates.samples.schema import LABEL, WEIGHT, SampleSchema

COLUMNS = ("positives", "weight")


class Rows(NamedTuple):
    """Rows ready to be learned: features (n, k) float, labels (n,) in {0, 1}, weights (n,) >= 0."""

    features: np.ndarray
    labels: np.ndarray
    weights: np.ndarray


class Rates:
    """Smoothed historical rates of a schema's features, beside its numbers as they are.

    The rate of a row's values is (Σ positives + smoothing · prior) / (Σ weight + smoothing), summed
    over its values where there are several; the prior is the rate of all rows before, itself
    smoothed by one row of each label. A row without a value counts as one value of its own kind.

    Attributes
    ----------
    positives, weight : sums over all rows counted, of the weight of those with label 1 and of all.
    """

    def __init__(self, schema: SampleSchema, smoothing: float) -> None:
        self.schema = schema
        self.smoothing = smoothing
        self.positives = self.weight = 0.0
        self._tables = [KeyTable(COLUMNS) for _ in feature_names(schema)]
        self._touched: list[list[np.ndarray]] | None = None
        # Rates need no more than 24 bits; numbers are kept as they came.
        self._dtype = np.float64 if schema.numeric else np.float32

    @property
    def prior(self) -> float:
        """Rate of all rows counted, within (0, 1)."""
        return (self.positives + 1.0) / (self.weight + 2.0)

    @property
    def size(self) -> int:
        """Values that have a rate, crossed ones included."""
        return sum(table.size for table in self._tables)

    def count(self, batch: pa.RecordBatch) -> np.ndarray:
        """Features of the rows, each made before its own label is counted.

        Returns
        -------
        (n, features) array in column order: a rate for each of ``feature_names``, then the numbers,
        NaN where one is null.
        """
        weights = np.asarray(batch.column(WEIGHT), np.float64)
        positives = np.asarray(batch.column(LABEL), np.float64) * weights
        # Added one by one from the sums so far: the same bits however the rows were cut.
        so_far = np.cumsum(np.append(self.positives, positives))
        weight_so_far = np.cumsum(np.append(self.weight, weights))
        priors = (so_far[:-1] + 1.0) / (weight_so_far[:-1] + 2.0)
        matrix = self._matrix(batch)
        for i, column in enumerate(key_columns(self.schema, batch)):
            if self._touched is not None:
                self._touched[i].append(column.keys)
            cells = _insert(self._tables[i], column.keys)
            states = self._tables[i].view.states
            matrix[:, i] = _count(
                states, cells, column.indptr, positives, weights, priors, self.smoothing
            )
        self.positives, self.weight = float(so_far[-1]), float(weight_so_far[-1])
        return matrix

    def look_up(self, batch: pa.RecordBatch) -> np.ndarray:
        """Features of the rows by all that was counted; (n, features) as in ``count``."""
        matrix = self._matrix(batch)
        for i, column in enumerate(key_columns(self.schema, batch)):
            states, cells = self._tables[i].read(column.keys)
            matrix[:, i] = _read(states, cells, column.indptr, self.prior, self.smoothing)
        return matrix

    def _matrix(self, batch: pa.RecordBatch) -> np.ndarray:
        rates, numbers = len(self._tables), self.schema.numeric
        matrix = np.empty((batch.num_rows, rates + len(numbers)), self._dtype, order="F")
        for i, name in enumerate(numbers, rates):
            matrix[:, i] = batch.column(name).to_numpy(zero_copy_only=False)
        return matrix

    def is_finite(self) -> bool:
        """Whether all sums are finite."""
        sums = (table.to_arrays()[column] for table in self._tables for column in COLUMNS)
        return math.isfinite(self.weight + self.positives) and all(
            np.isfinite(values).all() for values in sums
        )

    def copy(self) -> Rates:
        """One that goes its own way from here; what is tracked stays with this one."""
        rates = Rates(self.schema, self.smoothing)
        rates.positives, rates.weight = self.positives, self.weight
        rates._tables = [table.copy() for table in self._tables]
        return rates

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The state: what the tables hold, one after the other, their ``sizes``, the ``totals``."""
        return self._arrays([table.to_arrays() for table in self._tables])

    def _arrays(self, tables: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
        return {
            **{
                name: np.concatenate([table[name] for table in tables] or [np.empty(0)])
                for name in ("keys", *COLUMNS)
            },
            "sizes": np.array([len(table["keys"]) for table in tables], np.int64),
            "totals": np.array([self.positives, self.weight]),
        }

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Replace the state by one of ``to_arrays``, of the same schema.

        Raises ValueError if the number of features differs, KeyError if an array is missing.
        """
        self._tables = [KeyTable.from_arrays(COLUMNS, table) for table in self._split(arrays)]
        self.positives, self.weight = (float(total) for total in arrays["totals"])

    def _split(self, arrays: Mapping[str, np.ndarray]) -> list[dict[str, np.ndarray]]:
        """Arrays of each table out of ``_arrays``."""
        sizes = arrays["sizes"]
        if len(sizes) != len(self._tables):
            raise ValueError(f"rates of {len(self._tables)} features are needed, got {len(sizes)}")
        ends = np.cumsum(sizes)
        return [
            {name: arrays[name][end - size : end] for name in ("keys", *COLUMNS)}
            for size, end in zip(sizes, ends, strict=True)
        ]

    def track(self) -> None:
        """Remember from now on which values are counted."""
        self._touched = [[] for _ in self._tables]

    def touched(self) -> dict[str, np.ndarray]:
        """As ``to_arrays``, only the values counted since ``track`` or the last call."""
        touched = self._touched or [[] for _ in self._tables]
        self.track()
        return self._arrays(
            [_of(table, keys) for table, keys in zip(self._tables, touched, strict=True)]
        )

    def update(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over what ``touched`` gave. Raises as ``restore``."""
        for table, part in zip(self._tables, self._split(arrays), strict=True):
            table.put(part["keys"], np.stack([part[name] for name in COLUMNS], axis=1))
        self.positives, self.weight = (float(total) for total in arrays["totals"])


def _of(table: KeyTable, batches: list[np.ndarray]) -> dict[str, np.ndarray]:
    """As ``KeyTable.to_arrays``, of some keys, each once."""
    keys = distinct(np.concatenate([np.empty(0, np.uint64), *batches]))
    states, cells = table.read(keys)
    return {"keys": keys, **{name: states[cells, STATE + i] for i, name in enumerate(COLUMNS)}}


def _insert(table: KeyTable, keys: np.ndarray) -> np.ndarray:
    """(n,) cells of the keys, which all are in the table afterwards."""
    cells, away = np.empty((2, len(keys) + 1), np.int64)
    scratch = Scratch(cells, away, np.empty(0))
    inserted = np.empty(len(keys), np.int64)
    table.settle()
    while True:
        fits, table.size, _ = locate(
            table.view, table.size, keys, 0, len(keys), scratch, inserted, 0
        )
        if fits:
            return cells[: len(keys)]
        table.grow()


@kernel
def _count(  # noqa: PLR0917
    states: np.ndarray,
    cells: np.ndarray,
    indptr: np.ndarray,
    positives: np.ndarray,
    weights: np.ndarray,
    priors: np.ndarray,
    smoothing: float,
) -> np.ndarray:
    """(n,) rates, each read before its row is added to the sums of its values."""
    rates = np.empty(len(weights))
    for row in range(len(weights)):
        known, total = smoothing * priors[row], smoothing
        for cell in cells[indptr[row] : indptr[row + 1]]:
            known += states[cell, STATE]
            total += states[cell, STATE + 1]
        rates[row] = known / total
        for cell in cells[indptr[row] : indptr[row + 1]]:
            states[cell, STATE] += positives[row]
            states[cell, STATE + 1] += weights[row]
    return rates


@kernel
def _read(
    states: np.ndarray, cells: np.ndarray, indptr: np.ndarray, prior: float, smoothing: float
) -> np.ndarray:
    """(n,) rates; a value whose cell is ABSENT adds nothing."""
    rates = np.empty(len(indptr) - 1)
    for row in range(len(rates)):
        known, total = smoothing * prior, smoothing
        for cell in cells[indptr[row] : indptr[row + 1]]:
            if cell != ABSENT:
                known += states[cell, STATE]
                total += states[cell, STATE + 1]
        rates[row] = known / total
    return rates
