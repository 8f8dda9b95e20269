"""The component ``upper``: a network of ReLU layers that turns its inputs into a logit."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from itertools import pairwise

import numpy as np

from updates.samples.jit import kernel


class Upper:
    """Weights and the optimiser's state, as plain arrays: JAX is needed only to train them.

    Attributes
    ----------
    sizes : inputs, then the units of each layer, the last of which is 1.
    weights : (P,) float32, of each layer its kernel (inputs, units) and then its biases. Replaced
        by training, never written into.
    optimiser : leaves of optax's state in its order; empty before the first training.
    """

    def __init__(self, inputs: int, hidden: tuple[int, ...], seed: int) -> None:
        self.sizes = (inputs, *hidden, 1)
        self.weights = _drawn(self.sizes, seed)
        self.optimiser: tuple[np.ndarray, ...] = ()

    def copy(self) -> Upper:
        """One that goes its own way from here."""
        return copy(self)

    def logits(self, inputs: np.ndarray) -> np.ndarray:
        """(n,) float64 logits of (n, inputs) float32; those of a row are the same bits among
        whatever other rows it stands."""
        found: np.ndarray = _logits(inputs, self.weights, np.array(self.sizes))
        return found

    def is_finite(self) -> bool:
        """Whether every weight and all of the optimiser's state is finite."""
        return all(bool(np.isfinite(array).all()) for array in (self.weights, *self.optimiser))

    def to_arrays(self) -> dict[str, np.ndarray]:
        """``kernel_0`` (inputs, units), ``bias_0`` (units,) and so on."""
        arrays = {}
        for i, (at, ins, outs) in enumerate(layers(self.sizes)):
            end = at + ins * outs
            arrays[f"kernel_{i}"] = self.weights[at:end].reshape(ins, outs)
            arrays[f"bias_{i}"] = self.weights[end : end + outs]
        return arrays

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over ``to_arrays`` of a network of the same sizes; else raises ValueError."""
        shapes = [shape for ins, outs in pairwise(self.sizes) for shape in ((ins, outs), (outs,))]
        parts = [arrays[name] for i in range(len(shapes) // 2) for name in _names(i)]
        if [part.shape for part in parts] != shapes or len(arrays) != len(shapes):
            got = [part.shape for part in parts]
            raise ValueError(f"a network of the shapes {shapes} is needed, got {got}")
        self.weights = np.concatenate([part.reshape(-1) for part in parts])

    def optimiser_arrays(self) -> dict[str, np.ndarray]:
        """The optimiser's leaves by their number."""
        return {f"{i:02}": leaf for i, leaf in enumerate(self.optimiser)}

    def restore_optimiser(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take over ``optimiser_arrays``."""
        self.optimiser = tuple(arrays[name] for name in sorted(arrays))


def layers(sizes: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """Of each layer: where its kernel begins in ``weights``, its inputs, its units."""
    found, at = [], 0
    for ins, outs in pairwise(sizes):
        found.append((at, ins, outs))
        at += (ins + 1) * outs
    return found


def length(sizes: tuple[int, ...]) -> int:
    """Number of weights."""
    return sum((ins + 1) * outs for ins, outs in pairwise(sizes))


def _names(layer: int) -> tuple[str, str]:
    return f"kernel_{layer}", f"bias_{layer}"


def _drawn(sizes: tuple[int, ...], seed: int) -> np.ndarray:
    """Kernels of variance 2 / inputs (He et al. 2015, "Delving Deep into Rectifiers", §2.2)."""
    random = np.random.default_rng(seed)
    parts = []
    for ins, outs in pairwise(sizes):
        parts += [random.normal(0.0, np.sqrt(2.0 / ins), ins * outs), np.zeros(outs)]
    return np.concatenate(parts).astype(np.float32)


@kernel
def _logits(inputs: np.ndarray, weights: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Row by row and input by input, so that the sums run over units side by side."""
    found = np.empty(inputs.shape[0])
    values, sums = np.empty((2, sizes.max()), np.float32)
    for row in range(inputs.shape[0]):
        values[: sizes[0]] = inputs[row]
        at = 0
        for layer in range(sizes.shape[0] - 1):
            ins, outs = sizes[layer], sizes[layer + 1]
            biases = at + ins * outs
            sums[:outs] = weights[biases : biases + outs]
            for i in range(ins):
                value = values[i]
                if value != 0.0:
                    row_of = weights[at + i * outs : at + (i + 1) * outs]
                    for j in range(outs):
                        sums[j] += value * row_of[j]
            for j in range(outs):
                values[j] = max(sums[j], np.float32(0.0))
            at = biases + outs
        found[row] = sums[0]
    return found
