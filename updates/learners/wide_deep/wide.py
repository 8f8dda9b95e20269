"""The component ``wide``: all features and crosses by FTRL, on top of what the deep part says."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any, Protocol

import numpy as np

from updates.learners.sparse.algorithm import Rows
from updates.learners.sparse.family import model_of
from updates.learners.sparse.ftrl import FTRL
from updates.learners.sparse.logistic import clipped, sigmoid
from updates.learners.sparse.names import Names
from updates.samples.encoder import Encoded
from updates.samples.jit import kernel


class Weights(Protocol):
    """What a prediction needs: the whole model has it, and so has the serving form."""

    @property
    def intercept(self) -> float: ...

    def weights_of(self, keys: np.ndarray) -> np.ndarray: ...


class Wide:
    """The linear model and the names of its keys."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.model = model_of({**settings, "algorithm": FTRL.name})
        self.names = Names()

    def copy(self) -> Wide:
        """One that goes its own way from here; what is tracked stays with this one."""
        wide = copy(self)
        wide.model, wide.names = self.model.copy(), self.names.copy()
        return wide

    def learn(
        self, encoded: Encoded, start: int, stop: int, offsets: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Learn rows [start, stop) one by one, on top of (stop − start,) logits of the deep part.

        Returns (stop − start,) predictions made before each row, and the positions in
        ``encoded.keys`` of new keys, which ``name`` must be told of in their order.
        """
        rows = rows_of(encoded, start, stop, offsets)
        predictions, inserted = self.model.learn(rows, encoded.event_times[start:stop])
        return predictions, inserted + encoded.indptr[start]

    def name(self, encoded: Encoded, positions: np.ndarray) -> None:
        """Keep the names of new keys, and forget those of expired ones.

        Of many at once, as each call costs 0.5 ms.
        """
        if len(positions):
            self.names.append(*encoded.names(positions))
        if len(removed := self.model.removed()):
            self.names.remove(removed)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """The whole state."""
        return {**self.model.to_arrays(), **self.names.to_arrays()}

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Replace the state by one of ``to_arrays``."""
        self.model.restore(arrays)
        self.names = Names.from_arrays(arrays)


def rows_of(encoded: Encoded, start: int, stop: int, offsets: np.ndarray) -> Rows:
    """Rows [start, stop) of a batch, with the offsets of these rows."""
    indptr = encoded.indptr[start : stop + 1]
    first, last = indptr[0], indptr[-1]
    return Rows(
        indptr - first,
        encoded.keys[first:last],
        encoded.values[first:last],
        encoded.labels[start:stop],
        encoded.weights[start:stop],
        offsets=offsets,
    )


def joint_probabilities(weights: Weights, rows: Rows) -> np.ndarray:
    """(n,) clipped probabilities of the sum of both parts; learns nothing."""
    found: np.ndarray = _joint(
        rows.indptr, rows.values, weights.weights_of(rows.keys), weights.intercept, rows.offsets
    )
    return found


@kernel
def _joint(
    indptr: np.ndarray,
    values: np.ndarray,
    weights: np.ndarray,
    intercept: float,
    offsets: np.ndarray,
) -> np.ndarray:
    """Adds in the order in which learning does: equal weights give equal bits."""
    result = np.empty(indptr.shape[0] - 1)
    for row in range(indptr.shape[0] - 1):
        margin = intercept + offsets[row]
        for j in range(indptr[row], indptr[row + 1]):
            margin += weights[j] * values[j]
        result[row] = clipped(sigmoid(margin))
    return result
