"""Boosted trees for probabilities, by LightGBM: grown anew, or their leaves fitted again.

A thin face over ``lightgbm`` that keeps three promises: the same input gives the same text, for any
number of threads; a batch with one label only is learned like any other; whoever watches can stop
it between two trees.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import lightgbm
import numpy as np

from updates.learners.base import Progress
from updates.learners.rates import Rows

FIXED: dict[str, Any] = {
    # Unlike "binary", it does not skip data that have one label only, as a small batch often has.
    "objective": "cross_entropy",
    # The base score is kept beside the trees: refitted leaves start from it again.
    "boost_from_average": False,
    "deterministic": True,
    "force_row_wise": True,
    "seed": 1,
    "verbosity": -1,
}
# Up to this many rows a thread more costs more than it saves.
SINGLE_THREAD_ROWS = 2_000


class Trees:
    """Trees that add to a base score, in log-odds.

    text : LightGBM's text form, from which an equal ``Trees`` can be made.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._booster = lightgbm.Booster(model_str=text)

    @classmethod
    def grow(
        cls,
        rows: Rows,
        base_score: float,
        num_trees: int,
        parameters: Mapping[str, Any],
        progress: Progress,
    ) -> Trees | None:
        """Grow trees; None where the rows give no tree a reason to split.

        parameters : LightGBM's, added to FIXED.
        """

        def watch(state: lightgbm.callback.CallbackEnv) -> None:
            progress("growing trees", state.iteration + 1, num_trees)

        # Also before LightGBM builds its bins, which on many rows takes longer than a tree.
        progress("growing trees", 0, num_trees)
        data = lightgbm.Dataset(
            rows.features,
            rows.labels,
            weight=_weights(rows),
            init_score=np.full(len(rows.labels), base_score),
        )
        chosen = _parameters(parameters, len(rows.labels))
        booster = lightgbm.train(chosen, data, num_trees, callbacks=[watch])
        trees = cls(_text(booster))
        return trees if trees.splits else None

    def refit(
        self, rows: Rows, base_score: float, keep: float, parameters: Mapping[str, Any]
    ) -> Trees:
        """The same trees, each leaf ``keep`` of its old value and 1 − keep of the rows' own."""
        chosen = _parameters(parameters, len(rows.labels))
        self._booster.params = chosen
        booster = self._booster.refit(
            rows.features,
            rows.labels,
            decay_rate=keep,
            weight=_weights(rows),
            init_score=np.full(len(rows.labels), base_score),
            num_threads=chosen["num_threads"],
        )
        return Trees(_text(booster))

    def scores(self, features: np.ndarray, num_threads: int) -> np.ndarray:
        """(n,) sums of the leaves that rows of features (n, k) fall into, in log-odds."""
        if not len(features):
            return np.empty(0)
        threads = _threads(num_threads, len(features))
        scores = self._booster.predict(features, raw_score=True, num_threads=threads)
        return np.asarray(scores, np.float64)

    def contributions(self, features: np.ndarray, num_threads: int) -> np.ndarray:
        """(n, k + 1) what each of k features adds to the scores, and last what all rows have:
        SHAP values (Lundberg et al. 2020, Nature Machine Intelligence 2), which add up to it."""
        threads = _threads(num_threads, len(features))
        found = self._booster.predict(features, pred_contrib=True, num_threads=threads)
        return np.asarray(found, np.float64)

    def with_leaf_values(self, values: np.ndarray) -> Trees:
        """The same trees, their leaves having these (leaves,) values, tree by tree."""
        booster = lightgbm.Booster(model_str=self.text)
        counts = re.findall(r"^num_leaves=(\d+)$", self.text, re.MULTILINE)
        places = ((tree, leaf) for tree, leaves in enumerate(counts) for leaf in range(int(leaves)))
        for (tree, leaf), value in zip(places, values, strict=True):
            booster.set_leaf_output(tree, leaf, float(value))
        return Trees(_text(booster))

    @property
    def count(self) -> int:
        """Number of trees."""
        return int(self._booster.num_trees())

    @property
    def splits(self) -> bool:
        """Whether any tree has more than one leaf."""
        return bool(re.search(r"^num_leaves=(?!1$)", self.text, re.MULTILINE))

    @property
    def leaf_values(self) -> np.ndarray:
        """(leaves,) values of all leaves, tree by tree, in log-odds."""
        lines = re.findall(r"^leaf_value=(.*)$", self.text, re.MULTILINE)
        return np.array(" ".join(lines).split(), np.float64)


def _parameters(given: Mapping[str, Any], rows: int) -> dict[str, Any]:
    return {**FIXED, **given, "num_threads": _threads(given["num_threads"], rows)}


def _threads(wanted: int, rows: int) -> int:
    return wanted if rows > SINGLE_THREAD_ROWS else 1


def _weights(rows: Rows) -> np.ndarray | None:
    """None where all are 1: LightGBM is faster without."""
    return None if (rows.weights == 1.0).all() else rows.weights


def _text(booster: lightgbm.Booster) -> str:
    """The model's text without the one parameter that may differ between equal models."""
    return re.sub(r"\[num_threads: \d+\]", "[num_threads: 0]", booster.model_to_string())
