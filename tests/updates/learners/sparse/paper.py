"""The papers' algorithms, written as plainly as there, on dense rows."""

import numpy as np


def algorithm_1(X, y, parameters, importance, slope=lambda p, label: p - label):
    """McMahan et al. 2013. Predictions (n,) before each row, and z, n, w (d,) after the last.

    slope : derivative of the loss by the margin.
    """
    z, n, predictions = np.zeros(X.shape[1]), np.zeros(X.shape[1]), []
    for x, label, times in zip(X, y, importance, strict=True):
        w = weights(z, n, *parameters)
        predictions.append(1 / (1 + np.exp(-(x @ w))))
        g = times * slope(predictions[-1], label) * x
        sigma = (np.sqrt(n + g**2) - np.sqrt(n)) / parameters[0]
        z, n = z + g - sigma * w, n + g**2
    return np.array(predictions), z, n, weights(z, n, *parameters)


def fake_negative_weighted(p, y):
    """Slope of the loss of Ktena et al. 2019: the weights of its logarithms are constants."""
    return y * (1 + p) * (p - 1) + (1 - y) * (1 - p) * (1 + p) * p


def weights(z, n, alpha, beta, l1, l2):
    with np.errstate(divide="ignore", invalid="ignore"):
        w = -(z - np.sign(z) * l1) / ((beta + np.sqrt(n)) / alpha + l2)
    return np.where(np.abs(z) <= l1, 0.0, w)


def rda(X, y, importance, gamma, l1, rho):
    """Xiao 2010, Algorithm 2. Predictions (n,) made before each row, and w (d,) after the last."""
    mean, w, predictions = np.zeros(X.shape[1]), np.zeros(X.shape[1]), []
    for t, (x, label, times) in enumerate(zip(X, y, importance, strict=True), 1):
        predictions.append(1 / (1 + np.exp(-(x @ w))))
        mean = (t - 1) / t * mean + times * (predictions[-1] - label) * x / t
        threshold = l1 + gamma * rho / np.sqrt(t)
        w = -np.sqrt(t) / gamma * shrunk(mean, threshold)
    return np.array(predictions), w


def rda_per_coordinate(X, y, importance, gamma, l1, rho, delta):
    """Duchi, Hazan & Singer 2011, eta = 1 / gamma, with Xiao's rho."""
    mean, n, w, predictions = *np.zeros((3, X.shape[1])), []
    for t, (x, label, times) in enumerate(zip(X, y, importance, strict=True), 1):
        predictions.append(1 / (1 + np.exp(-(x @ w))))
        g = times * (predictions[-1] - label) * x
        mean, n = (t - 1) / t * mean + g / t, n + g**2
        w = -t * own_rates(1 / gamma, delta, n) * shrunk(mean, l1 + gamma * rho / np.sqrt(t))
    return np.array(predictions), w


def descent(X, y, importance, eta, delta=None, after=lambda v, rate, t: v):
    """Gradient steps, each followed by ``after``; rates per coordinate if there is a delta."""
    w, n, predictions = np.zeros(X.shape[1]), np.zeros(X.shape[1]), []
    for t, (x, label, times) in enumerate(zip(X, y, importance, strict=True), 1):
        predictions.append(1 / (1 + np.exp(-(x @ w))))
        g = times * (predictions[-1] - label) * x
        n += g**2
        rate = eta / np.sqrt(t) if delta is None else own_rates(eta, delta, n)
        w = after(w - rate * g, rate, t)
    return np.array(predictions), w


def fobos(X, y, importance, eta, l1, delta=None):
    """Duchi & Singer 2009, the forward step's rate in the backward step too."""
    return descent(X, y, importance, eta, delta, lambda v, rate, t: shrunk(v, rate * l1))


def truncated_gradient(X, y, importance, eta, gravity, theta, period, delta=None):
    """Langford, Li & Zhang 2009, T1 after every period-th row."""

    def truncate(v, rate, t):
        small = (np.abs(v) <= theta) & (t % period == 0)
        return np.where(small, shrunk(v, period * gravity * rate), v)

    return descent(X, y, importance, eta, delta, truncate)


def shrunk(v, threshold):
    return np.sign(v) * np.maximum(0, np.abs(v) - threshold)


def own_rates(eta, delta, n):
    return np.where(delta + np.sqrt(n) > 0, eta / np.maximum(delta + np.sqrt(n), 1e-300), 0.0)
