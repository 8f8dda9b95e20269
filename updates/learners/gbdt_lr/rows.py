"""Rows of the logistic regression: a row's leaves, one a tree, then its features as they are.

A leaf has the value 1 / √trees, not 1 as in He et al.: a row's leaves together are then a vector of
length 1, as one feature is, and one learning rate suits leaves and features alike. docs/gbdt-lr.md
has what it is worth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from updates.learners.sparse.algorithm import Rows
from updates.samples.encoder import Encoded
from updates.samples.jit import kernel
from updates.samples.schema import LABEL, WEIGHT


def leaf_value(trees: int) -> float:
    """The value of each of a row's leaves, of so many trees."""
    return 1.0 / math.sqrt(max(1, trees))


@dataclass(frozen=True)
class LeafRows:
    """Rows to learn or to score.

    trees : leaves that each row begins with. encoded : the features that follow them; None where
        none do.
    """

    rows: Rows
    trees: int
    encoded: Encoded | None

    @classmethod
    def of(cls, batch: pa.RecordBatch, leaves: np.ndarray, encoded: Encoded | None) -> LeafRows:
        """leaves : (n, trees) keys of the leaves that the batch's rows fall into."""
        trees = leaves.shape[1]
        indptr = trees * np.arange(batch.num_rows + 1)
        value = leaf_value(trees)
        keys, values = leaves.reshape(-1), np.full(leaves.size, value)
        if encoded is not None:
            indptr += encoded.indptr
            keys, values = _joined(leaves, value, encoded.indptr, encoded.keys, encoded.values)
        labels, weights = (np.array(batch.column(name), np.float64) for name in (LABEL, WEIGHT))
        return cls(Rows(indptr, keys, values, labels, weights), trees, encoded)

    def names(self, positions: np.ndarray) -> tuple[pa.StringArray, pa.StringArray]:
        """Features and values of the keys at (p,) positions in the rows, leaves left out."""
        if self.encoded is None:
            return pa.array([], pa.string()), pa.array([], pa.string())
        row = np.searchsorted(self.rows.indptr, positions, side="right") - 1
        own = positions - self.trees * (row + 1)
        return self.encoded.names(own[own >= self.encoded.indptr[row]])


@kernel
def _joined(
    leaves: np.ndarray, value: float, indptr: np.ndarray, keys: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Keys and values of rows that have each its leaves, of one value, before its own keys."""
    trees = leaves.shape[1]
    joined = np.empty(leaves.size + keys.shape[0], np.uint64)
    numbers = np.full(joined.shape[0], value)
    for row in range(leaves.shape[0]):
        at = indptr[row] + trees * row
        joined[at : at + trees] = leaves[row]
        at += trees
        for j in range(indptr[row], indptr[row + 1]):
            joined[at], numbers[at] = keys[j], values[j]
            at += 1
    return joined, numbers
