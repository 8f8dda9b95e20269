"""Rows for the kernels, out of dictionaries and dense arrays."""

import numpy as np

from updates.learners.sparse.algorithm import Rows
from updates.learners.sparse.ftrl import FTRL, Parameters
from updates.learners.sparse.model import SparseModel


def rows_of(features, labels, weights=None):
    """Rows of ``[{key: value}]``."""
    return Rows(
        np.cumsum([0] + [len(row) for row in features]),
        np.array([key for row in features for key in row], np.uint64),
        np.array([value for row in features for value in row.values()], np.float64),
        np.array(labels, np.float64),
        np.ones(len(labels)) if weights is None else np.array(weights, np.float64),
    )


def dense_rows(X, y, weights=None):
    """Rows of a dense matrix; column i has the key i + 1."""
    features = [{i + 1: x for i, x in enumerate(row) if x != 0} for row in X]
    return rows_of(features, y, weights)


def ftrl(alpha=0.1, beta=1.0, l1=0.0, l2=0.0, **kwargs):
    return SparseModel(FTRL, Parameters(alpha, beta, l1, l2), **kwargs)


def sparse_model(algorithm, fit_intercept=False, **settings):
    """A model of any algorithm, with its options' defaults."""
    defaults = {option.name: option.default for option in algorithm.options}
    return SparseModel(
        algorithm, algorithm.configure(defaults | settings), fit_intercept=fit_intercept
    )
