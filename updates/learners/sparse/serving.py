"""The serving form of a sparse linear model: its non-zero weights, and what changes of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import load, load_file, save, save_file

from updates.learners.sparse.model import SparseModel
from updates.learners.sparse.table import KeyTable

FILE = "weights.safetensors"
BYTES_PER_WEIGHT = 16  # as deployed: a 64-bit key and a float64


def save_weights(model: SparseModel, folder: Path) -> None:
    """Write keys and weights of the non-zero ones in the order of insertion, and the intercept."""
    weights = model.weights()
    non_zero = np.flatnonzero(weights)
    keys = model.table.to_arrays()["keys"][non_zero]
    arrays = {"keys": keys, "weights": weights[non_zero], "intercept": np.array([model.intercept])}
    save_file(arrays, folder / FILE)


def touched_weights(model: SparseModel) -> bytes:
    """The weights, zeros included, of the keys touched since the last call, and the intercept."""
    keys = model.touched()
    arrays = {"keys": keys, "weights": model.weights_of(keys)}
    return save({**arrays, "intercept": np.array([model.intercept])})


class ServingWeights:
    """Weights by key: what ``save_weights`` wrote, brought on by deltas, same predictions.

    Raises FileNotFoundError or safetensors' SafetensorError if the file is missing or torn.
    """

    def __init__(self, folder: Path) -> None:
        arrays = load_file(folder / FILE)
        self.intercept = float(arrays["intercept"][0])
        self._table = KeyTable.from_arrays(("weights",), arrays)

    def apply(self, delta: bytes) -> None:
        """Take over what ``touched_weights`` wrote."""
        arrays = load(delta)
        self._table.put(arrays["keys"], arrays["weights"][:, np.newaxis])
        self.intercept = float(arrays["intercept"][0])

    def weights_of(self, keys: np.ndarray) -> np.ndarray:
        """(n,) weights of the keys; 0 for a key that has none."""
        slots = self._table.find(keys)
        return np.where(slots >= 0, self._table.column("weights")[slots], 0.0)
