"""The best items, and nothing that was seen."""

import numpy as np
import pyarrow as pa
import pytest

from tests.updates.learners.streams import SCHEMA, stream
from updates.learners.factors.learner import Factors
from updates.learners.factors.recommend import recommend, recommend_for


@pytest.fixture(scope="module")
def learner():
    learner = Factors(SCHEMA, {"dim": 4})
    learner.fit([stream(2000)])
    return learner


def ranked(learner, user):
    """All items of the stream by their predicted probability, and these."""
    items = [f"i{i}" for i in range(30)]
    batch = pa.RecordBatch.from_pylist(
        [{"label": 0, "event_time": 0, "weight": 1, "user": user, "item": i} for i in items],
        schema=SCHEMA.arrow,
    )
    found = learner.predict(batch)
    order = np.argsort(-found)
    return [items[i] for i in order], found[order]


@pytest.mark.parametrize("user", ["u3", "nobody yet"])
@pytest.mark.parametrize("k", [1, 7, 30])
def test_the_best_are_those_with_the_highest_prediction(learner, user, k):
    names, scores = recommend(learner, user, k)
    best, probabilities = ranked(learner, user)
    assert names == best[:k]
    np.testing.assert_allclose(1 / (1 + np.exp(-scores)), probabilities[:k], rtol=1e-5)


def test_seen_items_are_left_out_known_or_not(learner):
    best, _ = ranked(learner, "u3")
    names, _ = recommend(learner, "u3", 4, {best[0], best[2], "never heard of"})
    assert names == [best[1], *best[3:6]]


def test_fewer_than_k_items_are_all_there_are(learner):
    best, _ = ranked(learner, "u3")
    assert recommend(learner, "u3", 99)[0] == best
    assert recommend(learner, "u3", 99, best[1:])[0] == best[:1]
    assert recommend(learner, "u3", 99, best)[0] == []
    assert recommend(Factors(SCHEMA), "u3", 5)[0] == []


def test_equal_scores_come_in_the_order_of_the_items():
    learner = Factors(SCHEMA, {"dim": 2})
    items = [f"same {i}" for i in range(9)]
    learner.learn(
        pa.RecordBatch.from_pylist(
            [{"label": 0, "event_time": 0, "weight": 0, "item": item} for item in items],
            schema=SCHEMA.arrow,
        )
    )
    assert recommend(learner, "anyone", 4)[0] == items[:4]


def test_a_vector_of_the_moment_is_ranked_without_being_learned(learner):
    vector, bias = learner.user_vector("u5")
    names, scores = recommend_for(learner, vector, bias, 6)
    expected = recommend(learner, "u5", 6)
    assert names == expected[0]
    assert np.array_equal(scores, expected[1])


def test_k_is_at_least_one(learner):
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        recommend(learner, "u3", 0)
