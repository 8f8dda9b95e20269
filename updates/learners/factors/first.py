"""Where the vectors of items begin: drawn from their key, not from the order in which they come."""

from __future__ import annotations

import numpy as np

SPREAD = 0.3  # first coordinates lie within ± this
GAMMA = np.uint64(0x9E3779B97F4A7C15)
BITS = 24  # of a draw: as many as a float32 keeps


def drawn(keys: np.ndarray, dim: int, seed: int) -> np.ndarray:
    """(n, dim + 1) float32 for (n,) uint64 keys: uniform coordinates, then a bias of 0.

    By SplitMix64 (Steele, Lea & Flood 2014, "Fast Splittable Pseudorandom Number Generators",
    OOPSLA, fig. 14) from a state that key and seed give.
    """
    states = _mixed(keys ^ _mixed(np.array([seed], np.uint64) + GAMMA))
    draws = _mixed(states[:, np.newaxis] + GAMMA * np.arange(1, dim + 1, dtype=np.uint64))
    uniform = (draws >> np.uint64(64 - BITS)).astype(np.float64) / (1 << BITS)
    first = np.zeros((len(keys), dim + 1), np.float32)
    first[:, :dim] = SPREAD * (2.0 * uniform - 1.0)
    return first


def zeros(keys: np.ndarray, dim: int) -> np.ndarray:
    """(n, dim + 1) float32: what a side is read as before anything is known of it."""
    return np.zeros((len(keys), dim + 1), np.float32)


def _mixed(states: np.ndarray) -> np.ndarray:
    states = (states ^ (states >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    states = (states ^ (states >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed: np.ndarray = states ^ (states >> np.uint64(31))
    return mixed
