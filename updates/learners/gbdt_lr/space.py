"""The space that a tree update opens: its leaves, as features with keys and names."""

from __future__ import annotations

from functools import cached_property
from hashlib import sha256

import numpy as np
import pyarrow as pa

from updates.learners.gbdt_lr.forest import Forest
from updates.learners.gbdt_lr.paths import leaf_paths
from updates.learners.key_columns import feature_names
from updates.samples.hashing import field_seed, hash_strings
from updates.samples.schema import SampleSchema


class SpaceMismatch(ValueError):
    """A logistic regression met trees that are not those whose leaves it belongs to."""

    def __init__(self, needed: str, got: str) -> None:
        super().__init__(f"the LR belongs to the leaves of trees {needed}, not of {got}")


class LeafSpace:
    """The leaves of one set of trees; without text, of none.

    space_id : which trees. Equal trees are the same space.
    keys : (leaves,) uint64 of the leaves, numbered through. The leaves of another space have
        others, so that no weight can be taken for one of theirs.
    """

    def __init__(self, text: str = "") -> None:
        self.text = text
        self.forest = Forest(text)
        self.space_id = sha256(text.encode()).hexdigest()[:16]
        numbers = pa.array(np.arange(self.forest.leaves)).cast(pa.string())
        self.keys = hash_strings(numbers, field_seed(f"leaf of {self.space_id}"))

    def keys_of(self, features: np.ndarray) -> np.ndarray:
        """(n, trees) keys of the leaves that rows of features (n, k) fall into."""
        keys: np.ndarray = self.keys[self.forest.leaves_of(features)]
        return keys

    def check(self, needed: str) -> None:
        """Raises SpaceMismatch unless this is the space needed."""
        if needed != self.space_id:
            raise SpaceMismatch(needed, self.space_id)

    @cached_property
    def _by_key(self) -> np.ndarray:
        return np.argsort(self.keys)

    def numbers(self, keys: np.ndarray) -> np.ndarray:
        """(n,) int64 leaves of the keys; −1 for a key of no leaf here."""
        if not len(self.keys):
            return np.full(len(keys), -1)
        places = np.searchsorted(self.keys, keys, sorter=self._by_key)
        found = self._by_key[np.minimum(places, len(self.keys) - 1)]
        return np.where(self.keys[found] == keys, found, -1)

    def names(self, schema: SampleSchema) -> tuple[pa.StringArray, pa.StringArray]:
        """(leaves,) trees, counted from 1, and paths: "tree 3" and "rate of user ≤ 0.2"."""
        rates, numbers = feature_names(schema), schema.numeric
        paths = leaf_paths(
            self.forest,
            [*(f"rate of {name}" for name in rates), *numbers],
            [False] * len(rates) + [True] * len(numbers),
        )
        counts = np.diff(self.forest.first_leaves)
        trees = np.repeat(np.arange(1, self.forest.count + 1), counts)
        return pa.array([f"tree {tree}" for tree in trees], pa.string()), pa.array(
            paths, pa.string()
        )
