import numpy as np
import pytest

from tests.updates.learners.factors.rows import SCHEMA, rows, tastes
from updates.learners.factors.learner import Factors
from updates.learners.factors.recommend import best


@pytest.fixture(scope="module")
def learner():
    learner = Factors(SCHEMA, {"dim": 4, "epochs": 3})
    learner.fit([tastes(3_000)])
    return learner


def test_recommended_are_the_items_of_the_highest_probability(learner):
    names = learner.item_names.to_pylist()
    probabilities = learner.predict(rows(*(("u7", name, 0) for name in names)))
    order = np.argsort(-probabilities)[:6]
    found = learner.recommend("u7", 6)
    assert found.items == [names[at] for at in order]
    assert np.allclose(1 / (1 + np.exp(-found.scores)), probabilities[order], atol=1e-6)


def test_seen_items_are_left_out_and_unknown_ones_do_not_matter(learner):
    first, second, third = learner.recommend("u7", 3).items
    assert learner.recommend("u7", 1, {first, third, "never heard of"}).items == [second]


def test_no_more_is_recommended_than_there_is(learner):
    names = learner.item_names.to_pylist()
    assert sorted(learner.recommend("u7", 1_000).items) == sorted(names)
    assert len(learner.recommend("u7", 1_000, names[:-2]).items) == 2
    assert learner.recommend("u7", 5, names).items == []
    assert learner.recommend("u7", 0).items == []
    assert Factors(SCHEMA).recommend("u7", 5).items == []


def test_a_vector_may_be_given_for_a_user(learner):
    named, given = learner.recommend("u7", 9), learner.recommend(learner.user("u7"), 9)
    assert given.items == named.items
    assert np.array_equal(given.scores, named.scores)


def test_ties_come_in_the_order_of_the_items():
    scores = np.array([1, 3, 2, 3, 2, 2, -np.inf], np.float32)
    assert best(scores, 4).tolist() == [1, 3, 2, 4]
    assert best(scores, 9).tolist() == [1, 3, 2, 4, 5, 0]


@pytest.mark.parametrize("k", [1, 7, 100, 999, 1_000])
def test_the_best_are_those_of_a_sort(k):
    scores = np.random.default_rng(k).integers(0, 300, 1_000).astype(np.float32)
    for given in (scores, np.sort(scores), np.sort(scores)[::-1].copy()):
        assert best(given, k).tolist() == np.argsort(-given, kind="stable")[:k].tolist()
