"""Boosted trees for probabilities, by LightGBM: grown anew, or their leaves fitted again.

A thin face over ``lightgbm`` that keeps three promises: the same input gives the same text, for any
number of threads; a batch with one label only is learned like any other; whoever watches can stop
it between two trees.
"""

from __future__ import annotations

import math
import re
from typing import Any, NamedTuple

import lightgbm
import numpy as np

from updates.learners.base import Progress
from updates.learners.options import Option

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
OPTIONS = (
    Option("num_trees", 100, "Trees that a full update grows.", 1, 5000),
    Option("learning_rate", 0.05, "Share of its step that each tree takes.", 1e-4, 1.0),
    Option("num_leaves", 12, "Most leaves of a tree.", 2, 1024),
    Option("min_data_in_leaf", 50, "Fewest samples in a leaf.", 1, 1_000_000),
    Option("lambda_l2", 1.0, "L2: the larger, the smaller the leaves' values.", 1e-3, 1e6),
    Option("max_bin", 255, "Most steps into which a feature's values are divided.", 2, 65_535),
    Option("num_threads", 2, "Threads of LightGBM; the model does not depend on them.", 1, 256),
)
# Below this many rows a thread more costs more than it saves.
SINGLE_THREAD_ROWS = 2_000


class Rows(NamedTuple):
    """What trees learn from: features (n, k) float, labels (n,) in {0, 1}, weights (n,) >= 0."""

    features: np.ndarray
    labels: np.ndarray
    weights: np.ndarray


class Trees:
    """Trees that add to a base score, in log-odds.

    text : LightGBM's text form, from which an equal ``Trees`` can be made.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._booster = lightgbm.Booster(model_str=text)

    @classmethod
    def grow(
        cls, rows: Rows, base_score: float, settings: dict[str, Any], progress: Progress
    ) -> Trees | None:
        """Grow ``num_trees`` trees; None where the rows give no tree a reason to split."""
        total = settings["num_trees"]

        def watch(state: lightgbm.callback.CallbackEnv) -> None:
            progress("growing trees", state.iteration, total)

        # Called before each tree, so that a stopped run does not pay for one more.
        watch.before_iteration = True  # type: ignore[attr-defined]
        data = _dataset(rows, base_score, _parameters(settings))
        booster = lightgbm.train(_parameters(settings), data, total, callbacks=[watch])
        trees = cls(_text(booster))
        return trees if trees.splits else None

    def refit(self, rows: Rows, base_score: float, keep: float, settings: dict[str, Any]) -> Trees:
        """The same trees, each leaf ``keep`` of its old value and 1 − keep of the rows' own."""
        self._booster.params = _parameters(settings)
        booster = self._booster.refit(
            rows.features,
            rows.labels,
            decay_rate=keep,
            weight=_weights(rows),
            init_score=np.full(len(rows.labels), base_score),
            num_threads=settings["num_threads"],
        )
        return Trees(_text(booster))

    def scores(self, features: np.ndarray, num_threads: int) -> np.ndarray:
        """(n,) sums of the leaves that rows of features (n, k) fall into, in log-odds."""
        if not len(features):
            return np.empty(0)
        threads = num_threads if len(features) > SINGLE_THREAD_ROWS else 1
        scores = self._booster.predict(features, raw_score=True, num_threads=threads)
        return np.asarray(scores, np.float64)

    @property
    def splits(self) -> bool:
        """Whether any tree has more than one leaf."""
        return bool(re.search(r"^num_leaves=(?!1$)", self.text, re.MULTILINE))

    @property
    def leaf_values(self) -> np.ndarray:
        """(leaves,) values of all leaves, tree by tree, in log-odds."""
        lines = re.findall(r"^leaf_value=(.*)$", self.text, re.MULTILINE)
        return np.array(" ".join(lines).split(), np.float64)


def log_odds(probability: float) -> float:
    """ln(p / (1 − p)) for p within (0, 1)."""
    return math.log(probability) - math.log1p(-probability)


def probabilities(scores: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(−score)), written so that no score overflows."""
    return 0.5 * (1.0 + np.tanh(0.5 * scores))


def _parameters(settings: dict[str, Any]) -> dict[str, Any]:
    chosen = {option.name: settings[option.name] for option in OPTIONS}
    del chosen["num_trees"]  # given to ``train``, which would warn of a second one
    return {**FIXED, **chosen}


def _dataset(rows: Rows, base_score: float, parameters: dict[str, Any]) -> lightgbm.Dataset:
    return lightgbm.Dataset(
        rows.features,
        rows.labels,
        weight=_weights(rows),
        init_score=np.full(len(rows.labels), base_score),
        params=parameters,
    )


def _weights(rows: Rows) -> np.ndarray | None:
    """None where all are 1: LightGBM is faster without."""
    return None if (rows.weights == 1.0).all() else rows.weights


def _text(booster: lightgbm.Booster) -> str:
    """The model's text without the one parameter that may differ between equal models."""
    return re.sub(r"\[num_threads: \d+\]", "[num_threads: 0]", booster.model_to_string())
