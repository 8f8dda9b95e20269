"""The compiled walk finds the leaves that LightGBM finds."""

import lightgbm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from updates.learners.gbdt_lr.forest import Forest
from updates.learners.trees import FIXED

FEATURES = 4


def grown(rng, rows=300, trees=5, missing=0.2, **parameters):
    """Trees on whole numbers, so that many rows tie, some without a value."""
    values = rng.integers(-3, 4, (rows, FEATURES)).astype(np.float64)
    values[rng.random(values.shape) < missing] = np.nan
    labels = rng.random(rows) < 1 / (1 + np.exp(-np.nan_to_num(values).sum(axis=1)))
    chosen = {**FIXED, "num_threads": 1, "min_data_in_leaf": 2, "num_leaves": 9, **parameters}
    return lightgbm.train(chosen, lightgbm.Dataset(values, labels), trees)


def by_lightgbm(text, rows):
    """(n, trees) leaves, numbered through."""
    booster = lightgbm.Booster(model_str=text)
    own = booster.predict(rows, pred_leaf=True, num_threads=1).reshape(len(rows), -1)
    return own + Forest(text).first_leaves[:-1]


def probes(rng, forest, rows=200):
    """Rows of thresholds themselves, their neighbours on both sides, and what is no number."""
    thresholds = np.append(forest.nodes.thresholds[: forest.inner], 0.0)
    values = rng.choice(thresholds, (rows, FEATURES))
    values = np.choose(
        rng.integers(0, 3, values.shape),
        [values, np.nextafter(values, np.inf), np.nextafter(values, -np.inf)],
    )
    odd = rng.random(values.shape) < 0.2
    values[odd] = rng.choice([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e300, 1e-40], odd.sum())
    return values


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.3]), st.booleans(), st.integers(2, 20))
def test_leaves_are_lightgbms_with_ties_and_missing_values(seed, missing, use_missing, leaves):
    rng = np.random.default_rng(seed)
    text = grown(rng, missing=missing, use_missing=use_missing, num_leaves=leaves).model_to_string()
    forest = Forest(text)
    wide = probes(rng, forest)
    narrow = np.clip(wide, -1e30, 1e30).astype(np.float32, order="F")
    for rows in (wide, narrow):
        assert np.array_equal(forest.leaves_of(rows), by_lightgbm(text, rows))


def test_a_tree_of_one_leaf_has_that_leaf():
    rng = np.random.default_rng(0)
    text = grown(rng, rows=40, trees=2, min_data_in_leaf=30).model_to_string()
    forest = Forest(text)
    assert (forest.inner, forest.leaves) == (0, forest.count)
    rows = rng.normal(size=(3, FEATURES))
    assert np.array_equal(forest.leaves_of(rows), by_lightgbm(text, rows))


def test_no_text_is_no_trees():
    forest = Forest("")
    assert (forest.count, forest.leaves) == (0, 0)
    assert forest.leaves_of(np.ones((3, FEATURES))).shape == (3, 0)


@pytest.mark.parametrize("kind", [{"zero_as_missing": True}, {"categorical_column": [0]}])
def test_trees_of_a_kind_that_is_never_grown_are_refused(kind):
    values = np.random.default_rng(1).integers(0, 6, (2000, FEATURES)).astype(np.float64)
    data = lightgbm.Dataset(values, values[:, 0] % 3 == 1)
    text = lightgbm.train({**FIXED, "num_threads": 1, **kind}, data, 2).model_to_string()
    with pytest.raises(ValueError, match="must split numbers"):
        Forest(text)
