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
from updates.learners.sparse.precision import FLOAT64, packed, unpacked
from updates.learners.sparse.slots import STATE
from updates.learners.sparse.table import KeyTable

FILE = "weights.safetensors"


def save_weights(model: SparseModel, folder: Path, precision: str = FLOAT64) -> None:
    """Write keys of non-zero weight in the order of insertion, what serves them, the intercept."""
    save_file(_packed(model, non_zero_keys(model, precision), precision), folder / FILE)


def touched_weights(model: SparseModel, precision: str = FLOAT64) -> bytes:
    """What serves the keys touched since the last call, zeros included, and the intercept."""
    return save(_packed(model, model.touched(), precision))


def non_zero_keys(model: SparseModel, precision: str = FLOAT64) -> np.ndarray:
    """(n,) keys that serving has, in the order of insertion: rounded, some weights are 0."""
    keys, weights = model.table.to_arrays()["keys"], model.weights()
    there: np.ndarray = keys[np.flatnonzero(packed(keys, weights, precision))]
    return there


def _packed(model: SparseModel, keys: np.ndarray, precision: str) -> dict[str, np.ndarray]:
    arrays = model.deployed(keys)
    if precision != FLOAT64:
        arrays["weights"] = packed(keys, arrays["weights"], precision)
    return arrays


class Rounded:
    """A model's weights as they are deployed; the intercept is never rounded."""

    def __init__(self, model: SparseModel, precision: str) -> None:
        self._model = model
        self._precision = precision
        self.intercept = model.intercept

    def weights_of(self, keys: np.ndarray) -> np.ndarray:
        """(n,) weights of the keys; 0 for a key never seen."""
        return unpacked(packed(keys, self._model.weights_of(keys), self._precision))


class ServingWeights:
    """Weights by key: what ``save_weights`` wrote, brought on by deltas, same predictions.

    Raises FileNotFoundError or safetensors' SafetensorError if the file is missing or torn, and
    KeyError if it is of another algorithm.
    """

    def __init__(self, folder: Path, algorithm: Algorithm, parameters: tuple[float, ...]) -> None:
        arrays = load_file(folder / FILE)
        self._algorithm, self._parameters = algorithm, parameters
        self._table = KeyTable.from_arrays(algorithm.deployed, _float64(arrays))
        self._intercept = np.zeros((1, STATE + len(algorithm.deployed)))
        self._take_over(arrays)

    def apply(self, delta: bytes) -> None:
        """Take over what ``touched_weights`` wrote; a key whose weight is 0 goes."""
        arrays = _float64(load(delta))
        keys = arrays["keys"]
        columns = np.stack([arrays[name] for name in self._algorithm.deployed], axis=1)
        self._take_over(arrays)
        cells = np.zeros((len(keys), STATE + columns.shape[1]))
        cells[:, STATE:] = columns
        heavy = self._weights(cells, np.arange(len(keys))) != 0.0
        self._table.remove(keys[~heavy])
        self._table.put(keys[heavy], columns[heavy])

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
        return self._weights(*self._table.read(keys))

    def _weights(self, states: np.ndarray, slots: np.ndarray) -> np.ndarray:
        return self._algorithm.deployed_weights(states, slots, self._clock, self._parameters)


def _float64(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The arrays, with packed weights as the numbers that they stand for."""
    if "weights" not in arrays:
        return dict(arrays)
    return {**arrays, "weights": unpacked(arrays["weights"])}
