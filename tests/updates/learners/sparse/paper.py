"""Algorithm 1 of McMahan et al. 2013, written as plainly as in the paper, on dense rows."""

import numpy as np


def algorithm_1(X, y, parameters, importance):
    """Predictions (n,) made before each row, and z, n, w (d,) after the last one."""
    z, n, predictions = np.zeros(X.shape[1]), np.zeros(X.shape[1]), []
    for x, label, times in zip(X, y, importance, strict=True):
        w = weights(z, n, *parameters)
        predictions.append(1 / (1 + np.exp(-(x @ w))))
        g = times * (predictions[-1] - label) * x
        sigma = (np.sqrt(n + g**2) - np.sqrt(n)) / parameters[0]
        z, n = z + g - sigma * w, n + g**2
    return np.array(predictions), z, n, weights(z, n, *parameters)


def weights(z, n, alpha, beta, l1, l2):
    with np.errstate(divide="ignore", invalid="ignore"):
        w = -(z - np.sign(z) * l1) / ((beta + np.sqrt(n)) / alpha + l2)
    return np.where(np.abs(z) <= l1, 0.0, w)
