import re

import lightgbm
import numpy as np

from updates.learners.gbdt_lr.forest import Forest
from updates.learners.gbdt_lr.paths import Interval, leaf_paths
from updates.learners.trees import FIXED

NAMES = ("a", "b", "c")
CONDITION = re.compile(r"(?:(\S+) < )?([abc])(?: > (\S+))?(?: ≤ (\S+?))?( or missing)?$")


def forest():
    """Trees that split between whole numbers, of which the first feature may be missing."""
    rng = np.random.default_rng(0)
    values = rng.integers(-3, 4, (2000, 3)).astype(np.float64)
    values[rng.random(2000) < 0.2, 0] = np.nan
    labels = rng.random(2000) < 1 / (1 + np.exp(-np.nan_to_num(values).sum(axis=1)))
    data = lightgbm.Dataset(values, labels)
    parameters = {**FIXED, "num_threads": 1, "num_leaves": 10}
    return Forest(lightgbm.train(parameters, data, 4).model_to_string()), values


def holds(path, rows):
    """(n,) whether the rows, a value a name, meet all conditions of a path."""
    met = np.ones(len(rows), bool)
    for condition in path.split(", "):
        low, name, above, high, missing = CONDITION.match(condition).groups()
        column = rows[:, NAMES.index(name)]
        within = (column > float(low or above or -np.inf)) & (column <= float(high or np.inf))
        met &= within | (np.isnan(column) & bool(missing))
    return met


def test_a_path_is_met_by_the_rows_of_its_leaf_and_no_others():
    trees, rows = forest()
    leaves = trees.leaves_of(rows)
    paths = leaf_paths(trees, NAMES, [True, False, False])
    for leaf, path in enumerate(paths):
        assert np.array_equal(holds(path, rows), (leaves == leaf).any(axis=1))


def test_what_cannot_be_missing_is_not_said_to_be():
    trees, _ = forest()
    assert not any("missing" in path for path in leaf_paths(trees, NAMES, [False] * 3))


def test_a_tree_of_one_leaf_is_for_any_row():
    values = np.arange(100.0).reshape(-1, 1)
    data = lightgbm.Dataset(values, np.zeros(100))
    text = lightgbm.train({**FIXED, "num_threads": 1}, data, 1).model_to_string()
    assert leaf_paths(Forest(text), ["a"], [True]) == ["any row"]


def test_splits_of_one_feature_are_one_interval():
    interval = Interval(without_value=True)
    interval = interval.step(0.25, right=True, without_value=True)
    assert interval.text("price") == "price > 0.25 or missing"
    interval = interval.step(3.0, right=False, without_value=False)
    assert interval.text("price") == "0.25 < price ≤ 3"
    interval = interval.step(1.5, right=False, without_value=True)
    assert interval.text("price") == "0.25 < price ≤ 1.5"
