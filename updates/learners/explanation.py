"""How what one version predicts differs from another's, as a sum over the values of a sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


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
