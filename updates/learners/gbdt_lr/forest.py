"""Which leaf of each tree a row falls into: a compiled walk down LightGBM's trees.

LightGBM's own ``pred_leaf`` takes several times as long, most of all for a single row:
docs/gbdt-lr.md. Both find the same leaves, which the tests show on random trees and rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from updates.samples.jit import kernel

# LightGBM's decision_type: a bit for categorical, one for where missing goes, two for what is.
CATEGORICAL, DEFAULT_LEFT, MISSING_SHIFT = 1, 2, 2
NOTHING_IS_MISSING, NAN_IS_MISSING = 0, 2
LEFT, RIGHT, WITHOUT_VALUE = 0, 1, 2
ZERO = float(np.float32(1e-35))  # LightGBM takes what is not farther from 0 for 0


class Nodes(NamedTuple):
    """The nodes of all trees, numbered through: first the inner ones, then the leaves.

    features (nodes,) uint32; thresholds (nodes,) float64: a value up to it goes left. children
    (nodes, 3) int32: the next node to the LEFT, to the RIGHT, and WITHOUT_VALUE; of a leaf, itself.
    roots (trees,) int32.
    """

    features: np.ndarray
    thresholds: np.ndarray
    children: np.ndarray
    roots: np.ndarray


class Forest:
    """The trees of LightGBM's text form; no text is no trees.

    first_leaves : (trees + 1,) int64. Leaves are numbered through, too: tree t has the leaves
        first_leaves[t] : first_leaves[t + 1], in LightGBM's order.

    Raises ValueError for trees with categorical splits or with zeros as missing values, such as
    ``updates.learners.trees`` never grows.
    """

    def __init__(self, text: str) -> None:
        trees = list(_trees(text))
        counts = np.array([int(tree["num_leaves"]) for tree in trees], np.int64)
        self.first_leaves = np.cumsum([0, *counts])
        self.inner = int((counts - 1).sum())
        self.nodes = _nodes(trees, counts, self.inner)
        heights = _heights(self.nodes.children, self.inner)[self.nodes.roots]
        # The highest first: the trees with a step left to take are then always the first ones.
        self._order = np.argsort(-heights, kind="stable")
        self._active = np.array(
            [np.count_nonzero(heights > step) for step in range(heights.max(initial=0))], np.int64
        )

    @property
    def count(self) -> int:
        """Number of trees."""
        return len(self.nodes.roots)

    @property
    def leaves(self) -> int:
        """Number of leaves of all trees."""
        return int(self.first_leaves[-1])

    def leaves_of(self, features: np.ndarray) -> np.ndarray:
        """(n, trees) int64 leaves, numbered through, of rows of features (n, k)."""
        # In float64, as LightGBM compares; row by row, as the walk reads.
        rows = np.ascontiguousarray(features, np.float64)
        leaves: np.ndarray = _walk(self.nodes, self._order, self._active, self.inner, rows)
        return leaves


def _trees(text: str) -> Iterator[dict[str, str]]:
    """The lines of each tree by name."""
    for block in re.split(r"^Tree=\d+$", text, flags=re.MULTILINE)[1:]:
        yield dict(line.split("=", 1) for line in block.splitlines() if "=" in line)


def _nodes(trees: list[dict[str, str]], leaf_counts: np.ndarray, inner: int) -> Nodes:
    kinds = _column(trees, "decision_type", np.int64)
    missing = kinds >> MISSING_SHIFT
    known = np.isin(missing, (NOTHING_IS_MISSING, NAN_IS_MISSING))
    if (kinds & CATEGORICAL).any() or not known.all():
        raise ValueError("trees must split numbers, with NaN or nothing as the missing value")
    thresholds = _column(trees, "threshold", np.float64)
    left, right = (_children(trees, side, leaf_counts) for side in ("left_child", "right_child"))
    # Where nothing counts as missing, LightGBM takes NaN for 0.
    goes_left = np.where(missing == NAN_IS_MISSING, (kinds & DEFAULT_LEFT) > 0, thresholds >= 0.0)
    leaves = np.arange(inner, inner + leaf_counts.sum())
    children = np.stack([left, right, np.where(goes_left, left, right)], axis=1)
    first_nodes, first_leaves = _firsts(leaf_counts)
    return Nodes(
        np.append(_column(trees, "split_feature", np.uint32), np.zeros(len(leaves), np.uint32)),
        np.append(thresholds, np.zeros(len(leaves))),
        np.concatenate([children, np.stack([leaves] * 3, axis=1)]).astype(np.int32),
        np.where(leaf_counts > 1, first_nodes, inner + first_leaves).astype(np.int32),
    )


def _children(trees: list[dict[str, str]], side: str, leaf_counts: np.ndarray) -> np.ndarray:
    """(inner nodes,) children; a tree's own numbers are >= 0 for nodes and −1 − leaf for leaves."""
    own = _column(trees, side, np.int64)
    first_nodes, first_leaves = (
        np.repeat(first, leaf_counts - 1) for first in _firsts(leaf_counts)
    )
    numbers: np.ndarray = np.where(own >= 0, own + first_nodes, len(own) + first_leaves - own - 1)
    return numbers


def _firsts(leaf_counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(trees,) inner nodes and leaves of all trees before each."""
    leaves = np.cumsum(leaf_counts) - leaf_counts
    return leaves - np.arange(len(leaf_counts)), leaves


def _column(trees: list[dict[str, str]], name: str, dtype: type) -> np.ndarray:
    """The numbers of a line of all trees; a tree of one leaf has none."""
    lines = " ".join(tree.get(name, "") for tree in trees)
    numbers: np.ndarray = np.array(lines.split(), dtype)
    return numbers


@kernel
def _heights(children: np.ndarray, inner: int) -> np.ndarray:
    """(nodes,) steps from a node to its farthest leaf; a child's number is above its parent's."""
    heights = np.zeros(children.shape[0], np.int64)
    for node in range(inner - 1, -1, -1):
        farthest = max(heights[children[node, LEFT]], heights[children[node, RIGHT]])
        heights[node] = 1 + farthest
    return heights


@kernel
def _walk(
    nodes: Nodes, order: np.ndarray, active: np.ndarray, inner: int, rows: np.ndarray
) -> np.ndarray:
    """(n, trees) leaves.

    All trees take a step together, without a branch on where it leads: no mispredicted branches,
    and the reads of many trees are under way at once. Who has come to a leaf stays there.
    """
    features, thresholds, children, roots = nodes
    leaves = np.empty((rows.shape[0], roots.shape[0]), np.int64)
    at = np.empty(roots.shape[0], np.int32)
    values = np.empty(rows.shape[1])
    for row in range(rows.shape[0]):
        for feature in range(rows.shape[1]):
            near = abs(rows[row, feature]) <= ZERO
            values[feature] = 0.0 if near else rows[row, feature]
        for i in range(roots.shape[0]):
            at[i] = roots[order[i]]
        for trees in active:
            for i in range(trees):
                value = values[features[at[i]]]
                way = np.uint64(value > thresholds[at[i]])
                way += np.uint64(WITHOUT_VALUE) * np.uint64(value != value)  # noqa: PLR0124
                at[i] = children[at[i], way]
        for i in range(roots.shape[0]):
            leaves[row, order[i]] = at[i] - inner
    return leaves
