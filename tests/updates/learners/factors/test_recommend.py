"""What is recommended is what a plain reading of the model says, whatever was met."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.updates.learners.factors.rows import SCHEMA, rows, tastes
from updates.learners.factors.learner import Factors
from updates.learners.factors.recommend import best


@pytest.fixture(scope="module")
def learner():
    learner = Factors(SCHEMA, {"dim": 4, "epochs": 3})
    learner.fit([tastes(3_000)])
    return learner


def naive(learner, user, met, at):
    """All items but those met, the best first, and their scores."""
    vector, bias = learner.user(user) if at is None else at
    scores = learner.item_vectors @ vector + learner.item_biases + bias
    names = learner.item_names.to_pylist()
    order = [n for n in np.argsort(-scores, kind="stable") if names[n] not in set(met)]
    return [names[n] for n in order], scores[order]


def test_recommended_are_the_items_of_the_highest_probability(learner):
    names = learner.item_names.to_pylist()
    probabilities = learner.predict(rows(*(("u7", name, 0) for name in names)))
    order = np.argsort(-probabilities)[:6]
    found = learner.recommend("u7", 6, repeats=True)
    assert found.items == [names[at] for at in order]
    assert np.allclose(1 / (1 + np.exp(-found.scores)), probabilities[order], atol=1e-6)


def test_seen_items_are_left_out_and_unknown_ones_do_not_matter(learner):
    first, second, third = learner.recommend("new", 3).items
    assert learner.recommend("new", 1, {first, third, "never heard of"}).items == [second]


def test_no_more_is_recommended_than_there_is(learner):
    names = learner.item_names.to_pylist()
    assert sorted(learner.recommend("new", 1_000).items) == sorted(names)
    assert len(learner.recommend("new", 1_000, names[:-2]).items) == 2
    assert learner.recommend("new", 5, names).items == []
    assert learner.recommend("new", 0).items == []
    assert Factors(SCHEMA).recommend("new", 5).items == []


def test_a_fresher_vector_may_be_given_and_what_the_user_met_is_still_left_out(learner):
    learner = learner.snapshot()
    learner.learn(rows(("few", "i1", 1), ("few", "i2", 0)))
    at = learner.user("u7")
    found = learner.recommend("few", 99, at=at)
    assert not {"i1", "i2"} & set(found.items)
    assert found.items == learner.recommend("new", 99, {"i1", "i2"}, at=at).items
    again = learner.recommend("few", 99, at=at, repeats=True)
    assert again.items == learner.recommend("u7", 99, repeats=True).items
    assert np.array_equal(again.scores, learner.recommend("u7", 99, repeats=True).scores)


interactions = st.tuples(
    st.sampled_from(["a", "b", "c"]), st.sampled_from("pqrstuvw"), st.integers(0, 1)
)


@given(
    met=st.lists(interactions, min_size=1, max_size=40),
    seen=st.lists(st.sampled_from(["p", "q", "r", "never heard of"]), max_size=3),
    user=st.sampled_from(["a", "b", "stranger"]),
    k=st.integers(0, 9),
    remember=st.sampled_from([0, 1, 7, 1_000]),
    vector=st.none() | st.lists(st.floats(-2, 2, width=32), min_size=4, max_size=4),
    repeats=st.booleans(),
)
@settings(max_examples=150, deadline=None)
def test_the_items_are_those_of_a_plain_reading(met, seen, user, k, remember, vector, repeats):
    learner = Factors(SCHEMA, {"dim": 4, "remember": remember})
    learner.learn(rows(*met))
    at = None if vector is None else (np.array(vector, np.float32), 0.25)
    newest = met[max(len(met) - remember, 0) :]
    left_out = {item for who, item, _ in newest if who == user and not repeats} | set(seen)
    found = learner.recommend(user, k, seen, at=at, repeats=repeats)
    items, scores = naive(learner, user, left_out, at)
    assert np.allclose(found.scores, scores[:k], rtol=0, atol=1e-5)
    by_name = dict(zip(items, scores, strict=True))
    assert len(set(found.items)) == len(found.items) == min(k, len(items))
    assert np.allclose([by_name[item] for item in found.items], found.scores, rtol=0, atol=1e-5)


def test_ties_come_in_the_order_of_the_items():
    scores = np.array([1, 3, 2, 3, 2, 2, -np.inf], np.float32)
    assert best(scores, 4).tolist() == [1, 3, 2, 4]
    assert best(scores, 9).tolist() == [1, 3, 2, 4, 5, 0]


@pytest.mark.parametrize("k", [1, 7, 100, 999, 1_000])
def test_the_best_are_those_of_a_sort(k):
    scores = np.random.default_rng(k).integers(0, 300, 1_000).astype(np.float32)
    for ordered in (scores, np.sort(scores), np.sort(scores)[::-1].copy()):
        assert best(ordered, k).tolist() == np.argsort(-ordered, kind="stable")[:k].tolist()
