"""How what one version predicts differs from another's, as a sum over the values of a sample."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from updates.samples.encoder import Encoded


@dataclass(frozen=True)
class Shift:
    """Of n samples, log-odds of one version less those of another: by_value and rest, added up.

    by_value : (nnz,) in the order of the encoder's keys. rest : (n,) what belongs to no value of a
        sample: the intercept, and that a value is missing.
    how : in a sentence, how it was attributed.
    """

    by_value: np.ndarray
    rest: np.ndarray
    how: str


def spread(
    by_feature: np.ndarray, features: Sequence[str], encoded: Encoded
) -> tuple[np.ndarray, np.ndarray]:
    """What features add to (n,) samples, on the values that these have of them, in equal parts.

    by_feature : (n, F), in the order of the names. Returns as ``Shift``: by_value, and in rest what
    is of features that a sample has no value of.
    """
    n, size = by_feature.shape
    _, firsts, codes = np.unique(encoded.keys, return_index=True, return_inverse=True)
    places = {name: place for place, name in enumerate(features)}
    of_values = [places[name] for name in encoded.names(firsts)[0].to_pylist()]
    columns = np.array(of_values, np.int64)[codes]
    rows = np.repeat(np.arange(n), np.diff(encoded.indptr))
    counts = np.bincount(rows * size + columns, minlength=n * size).reshape(n, size)
    by_value = by_feature[rows, columns] / counts[rows, columns]
    return by_value, np.where(counts == 0, by_feature, 0.0).sum(axis=1)
