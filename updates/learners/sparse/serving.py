"""The serving form of a sparse linear model: its non-zero weights and nothing else."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from updates.learners.sparse.model import SparseModel
from updates.learners.sparse.slots import KEY, empty_cells, find, place, shift_of

FILE = "weights.safetensors"
BYTES_PER_WEIGHT = 16  # as deployed: a 64-bit key and a float64


def save_weights(model: SparseModel, folder: Path) -> None:
    """Write keys and weights of the non-zero ones in the order of insertion, and the intercept."""
    weights = model.weights()
    non_zero = np.flatnonzero(weights)
    keys = model.table.to_arrays()["keys"][non_zero]
    arrays = {"keys": keys, "weights": weights[non_zero], "intercept": np.array([model.intercept])}
    save_file(arrays, folder / FILE)


class ServingWeights:
    """Weights by key, read-only: what ``save_weights`` wrote, with the same predictions.

    Raises FileNotFoundError or safetensors' SafetensorError if the file is missing or torn.
    """

    def __init__(self, folder: Path) -> None:
        arrays = load_file(folder / FILE)
        rows = np.stack([arrays["keys"], arrays["weights"].view(np.uint64)], axis=1)
        capacity = 1 << max(1, (2 * len(rows) - 1).bit_length())
        self.intercept = float(arrays["intercept"][0])
        self._cells = empty_cells(capacity, rows.shape[1])
        place(self._cells, shift_of(capacity), rows)

    def weights_of(self, keys: np.ndarray) -> np.ndarray:
        """(n,) weights of the keys; 0 for a key that has none."""
        slots = find(self._cells, shift_of(len(self._cells)), keys)
        return np.where(slots >= 0, self._cells.view(np.float64)[slots, KEY + 1], 0.0)
