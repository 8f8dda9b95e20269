"""SHAP values of trees whose leaves the logistic regression weighs."""

from itertools import combinations
from math import factorial

import numpy as np
import pytest
from scipy.special import logit

from tests.updates.learners.streams import SCHEMA, stream
from updates.learners.gbdt_lr.learner import GBDTLR
from updates.learners.key_columns import feature_names
from updates.samples.encoder import Encoder

HISTORY, LATER = stream(2000), stream(300, seed=1)
ENCODED = Encoder(SCHEMA).encode(LATER)
TREES_ONLY = {"raw_features": False}


def fitted(**options):
    learner = GBDTLR(SCHEMA, {"num_trees": 20, "num_leaves": 4, **options})
    learner.fit([HISTORY])
    return learner


def sums(shift):
    by_row = np.add.reduceat(np.append(shift.by_value, 0.0), ENCODED.indptr[:-1])
    return np.where(np.diff(ENCODED.indptr) > 0, by_row, 0.0) + shift.rest


@pytest.mark.parametrize("options", [{}, TREES_ONLY], ids=["leaves and features", "leaves"])
def test_from_nothing_the_parts_add_up_to_the_log_odds_of_the_model(options):
    learner, nothing = fitted(**options), GBDTLR(SCHEMA, options)

    shift = learner.shift_from(nothing, LATER, ENCODED)

    assert sums(shift) == pytest.approx(logit(learner.predict(LATER)), abs=1e-6)


def test_between_versions_with_other_trees_they_add_up_to_the_shift():
    older, newer = fitted(), fitted(num_trees=7)
    newer.learn(stream(500, seed=2))

    shift = newer.shift_from(older, LATER, ENCODED)

    moved = logit(newer.predict(LATER)) - logit(older.predict(LATER))
    assert sums(shift) == pytest.approx(moved, abs=1e-6)


def test_each_contribution_is_the_shapley_value_of_its_feature():
    learner = fitted(num_trees=3, **TREES_ONLY)
    learner.learn(stream(500, seed=2))
    rows = LATER.slice(0, 5)

    found = learner._contributions(rows)

    assert np.abs(found[:, :-1]).max() > 0.01
    trees = [tree["tree_structure"] for tree in dumped(learner)]
    weights = learner.model.weights_of(learner.space.keys) / np.sqrt(3)
    leaves = np.split(weights, learner.space.forest.first_leaves[1:-1])
    features = learner._rates.look_up(rows)
    for row, contributions in zip(features, found, strict=True):
        worth = [
            lambda known, row=row, tree=tree, values=values: expected(tree, values, row, known)
            for tree, values in zip(trees, leaves, strict=True)
        ]
        total = np.sum([shapley(game, len(row)) for game in worth], axis=0)
        assert contributions[:-1] == pytest.approx(total, abs=1e-6)
        nothing = sum(game(frozenset()) for game in worth) + learner.model.intercept
        assert contributions[-1] == pytest.approx(nothing, abs=1e-6)


def dumped(learner):
    """LightGBM's own description of the trees."""
    import lightgbm

    return lightgbm.Booster(model_str=learner.space.text).dump_model()["tree_info"]


def expected(node, values, row, known):
    """What a tree says on the average if only some features of a row are known: elsewhere both ways
    are gone, by how many rows of the training went there."""
    if "leaf_index" in node:
        return values[node["leaf_index"]]
    ways = node["left_child"], node["right_child"]
    if node["split_feature"] in known:
        assert node["decision_type"] == "<="
        value = row[node["split_feature"]]
        left = node["default_left"] if np.isnan(value) else value <= node["threshold"]
        return expected(ways[0] if left else ways[1], values, row, known)
    counts = [way.get("internal_count", way.get("leaf_count")) for way in ways]
    says = [expected(way, values, row, known) for way in ways]
    return float(np.average(says, weights=counts))


def shapley(game, players):
    """Shapley 1953: of each player what it adds, over all orders in which players may come."""
    found = np.zeros(players)
    for player in range(players):
        others = [other for other in range(players) if other != player]
        for size in range(players):
            orders = factorial(size) * factorial(players - size - 1) / factorial(players)
            for coalition in map(frozenset, combinations(others, size)):
                found[player] += orders * (game(coalition | {player}) - game(coalition))
    return found


def test_a_leaf_without_weight_contributes_nothing():
    learner = fitted(l1=1e6, **TREES_ONLY)
    parts = learner._contributions(LATER)
    assert parts.shape == (300, len(feature_names(SCHEMA)) + len(SCHEMA.numeric) + 1)
    assert parts[:, :-1] == pytest.approx(0.0, abs=1e-9)
