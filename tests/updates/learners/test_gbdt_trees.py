import numpy as np
import pytest

from updates.learners.base import no_progress
from updates.learners.rates import Rows
from updates.learners.trees import Trees

PARAMETERS = {"num_leaves": 4, "min_data_in_leaf": 5, "num_threads": 1}


def rows_of(count=400, seed=0, positives=0.5):
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(count, 3))
    labels = (rng.random(count) < positives * (1 + np.tanh(features[:, 0]))).astype(float)
    return Rows(features, labels, np.ones(count))


def grown(rows, base_score=0.0):
    return Trees.grow(rows, base_score, 20, PARAMETERS, no_progress)


def test_a_refitted_leaf_is_a_mixture_of_old_and_new():
    trees, rows = grown(rows_of()), rows_of(seed=1)
    # Leaves of the first tree: those of later ones depend on how far the trees before moved.
    count = PARAMETERS["num_leaves"]

    old, mixed, new = (
        trees.refit(rows, 0.0, keep, PARAMETERS).leaf_values[:count] for keep in (1.0, 0.7, 0.0)
    )

    np.testing.assert_allclose(old, trees.leaf_values[:count])
    np.testing.assert_allclose(mixed, 0.7 * old + 0.3 * new)
    assert not np.allclose(old, new)


def test_rows_of_one_label_move_the_leaves_towards_it():
    trees, rows = grown(rows_of()), rows_of(seed=1)
    negatives = rows._replace(labels=np.zeros(len(rows.labels)))

    refitted = trees.refit(negatives, 0.0, 0.5, PARAMETERS)

    assert refitted.scores(rows.features, 1).mean() < trees.scores(rows.features, 1).mean() - 0.5


def test_a_rare_label_stays_calibrated_through_many_refits():
    rows, base_score = rows_of(5000, positives=0.02), np.log(0.02 / 0.98)
    trees = grown(rows, base_score)
    for _ in range(200):
        trees = trees.refit(rows, base_score, 0.95, PARAMETERS)

    probabilities = 1 / (1 + np.exp(-base_score - trees.scores(rows.features, 1)))

    assert probabilities.sum() / rows.labels.sum() == pytest.approx(1.0, abs=0.05)


def test_a_row_counts_as_often_as_its_weight_says():
    rows = rows_of()
    positive = rows._replace(weights=1.0 + 9.0 * rows.labels)

    assert grown(positive).scores(rows.features, 1).mean() > 1.0
    assert abs(grown(rows).scores(rows.features, 1).mean()) < 0.2


def test_rows_that_give_no_reason_to_split_give_no_trees():
    assert grown(rows_of(8)) is None
    assert grown(rows_of()._replace(features=np.zeros((400, 3)))) is None


def test_trees_made_of_their_text_are_the_same():
    trees = grown(rows_of())
    again = Trees(trees.text)

    assert again.text == Trees(again.text).text
    assert np.array_equal(again.scores(rows_of().features, 1), trees.scores(rows_of().features, 1))
    assert again.count == trees.count == 20


def test_whoever_watches_stops_it_before_the_next_tree():
    seen = []

    def stop(phase, done, total):
        seen.append((phase, done, total))
        if done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Trees.grow(rows_of(), 0.0, 20, PARAMETERS, stop)

    assert seen == [("growing trees", tree, 20) for tree in range(8)]
