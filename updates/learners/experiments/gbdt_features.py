"""Features that were tried for ``gbdt`` beside historical rates; see docs/gbdt.md."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from updates.learners.key_columns import feature_names, key_columns
from updates.learners.rates import Rates
from updates.learners.sparse.slots import NUMBER, STATE
from updates.learners.sparse.table import KeyTable


class RatesAndCounts(Rates):
    """Beside each rate ln(1 + n), n how often the row's values came before."""

    def count(self, batch: pa.RecordBatch) -> np.ndarray:
        """(n, 2 · rates + numbers) features, each made before its own row is counted."""
        counts = self._counts(batch, within=True)
        return np.hstack([super().count(batch), counts])

    def look_up(self, batch: pa.RecordBatch) -> np.ndarray:
        """(n, 2 · rates + numbers) features by all that was counted."""
        return np.hstack([super().look_up(batch), self._counts(batch, within=False)])

    def _counts(self, batch: pa.RecordBatch, *, within: bool) -> np.ndarray:
        counts = np.empty((batch.num_rows, len(self._tables)))
        if not batch.num_rows:
            return counts
        for i, column in enumerate(key_columns(self.schema, batch)):
            seen = _counted(self._tables[i], column.keys)
            seen += _earlier(column.keys) if within else 0
            counts[:, i] = np.log1p(np.add.reduceat(seen, column.indptr[:-1]))
        return counts


class RatesAndCodes(Rates):
    """Beside the rates the values themselves, numbered, of a few small fields."""

    fields = ("gender", "age_band", "occupation")

    @property
    def code_columns(self) -> list[int]:
        """Where the codes stand in the features."""
        first = len(self._tables) + len(self.schema.numeric)
        return list(range(first, first + len(self.fields)))

    def count(self, batch: pa.RecordBatch) -> np.ndarray:
        """(n, rates + numbers + codes) features; a code says nothing of the label."""
        return np.hstack([super().count(batch), self._codes(batch)])

    def look_up(self, batch: pa.RecordBatch) -> np.ndarray:
        """(n, rates + numbers + codes) features; −1, which is missing, for a value never seen."""
        return np.hstack([super().look_up(batch), self._codes(batch)])

    def _codes(self, batch: pa.RecordBatch) -> np.ndarray:
        names, columns = feature_names(self.schema), key_columns(self.schema, batch)
        codes = np.empty((batch.num_rows, len(self.fields)))
        for i, name in enumerate(self.fields):
            table = self._tables[names.index(name)]
            cells = table.find(columns[names.index(name)].keys)
            codes[:, i] = np.where(cells < 0, -1.0, table.view.cells[cells, NUMBER])
        return codes


def _counted(table: KeyTable, keys: np.ndarray) -> np.ndarray:
    cells = table.find(keys)
    return np.where(cells < 0, 0.0, table.view.states[cells, STATE + 1])


def _earlier(keys: np.ndarray) -> np.ndarray:
    """(n,) how often each key stands before itself in the array."""
    order = np.argsort(keys, kind="stable")
    sorted_keys = keys[order]
    firsts = np.flatnonzero(np.append(True, sorted_keys[1:] != sorted_keys[:-1]))
    ranks = np.arange(len(keys)) - np.repeat(firsts, np.diff(np.append(firsts, len(keys))))
    earlier = np.empty(len(keys))
    earlier[order] = ranks
    return earlier
