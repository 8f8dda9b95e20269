"""The serving form of a sparse linear model: its non-zero weights, and what changes of them.

Where time moves weights of keys that no row touches, the form holds the keys' columns and the
clock: a delta brings the keys that were touched and the clock, from which all others follow.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import load, load_file, save, save_file

from updates.learners.sparse.algorithm import Algorithm
from updates.learners.sparse.model import SparseModel
from updates.learners.sparse.slots import STATE
from updates.learners.sparse.table import KeyTable

FILE = "weights.safetensors"


def save_weights(model: SparseModel, folder: Path) -> None:
    """Write keys of non-zero weight in the order of insertion, what serves them, the intercept."""
    keys = model.table.to_arrays()["keys"][np.flatnonzero(model.weights())]
    save_file(model.deployed(keys), folder / FILE)


def touched_weights(model: SparseModel) -> bytes:
    """What serves the keys touched since the last call, zeros included, and the intercept."""
    return save(model.deployed(model.touched()))


class ServingWeights:
    """Weights by key: what ``save_weights`` wrote, brought on by deltas, same predictions.

    Raises FileNotFoundError or safetensors' SafetensorError if the file is missing or torn, and
    KeyError if it is of another algorithm.
    """

    def __init__(self, folder: Path, algorithm: Algorithm, parameters: tuple[float, ...]) -> None:
        arrays = load_file(folder / FILE)
        self._algorithm, self._parameters = algorithm, parameters
        self._table = KeyTable.from_arrays(algorithm.deployed, arrays)
        self._intercept = np.zeros((1, STATE + len(algorithm.deployed)))
        self._take_over(arrays)

    def apply(self, delta: bytes) -> None:
        """Take over what ``touched_weights`` wrote."""
        arrays = load(delta)
        columns = [arrays[name] for name in self._algorithm.deployed]
        self._table.put(arrays["keys"], np.stack(columns, axis=1))
        self._take_over(arrays)

    def _take_over(self, arrays: Mapping[str, np.ndarray]) -> None:
        """What there is once for all keys."""
        self._intercept[0, STATE:] = arrays["intercept"]
        self._clock = arrays.get("clock", np.empty(0))

    @property
    def intercept(self) -> float:
        """Weight of the constant feature."""
        return float(self._weights(self._intercept, np.zeros(1, np.int64))[0])

    def weights_of(self, keys: np.ndarray) -> np.ndarray:
        """(n,) weights of the keys; 0 for a key that has none."""
        return self._weights(self._table.view.states, self._table.find(keys))

    def _weights(self, states: np.ndarray, slots: np.ndarray) -> np.ndarray:
        return self._algorithm.deployed_weights(states, slots, self._clock, self._parameters)
