"""Heavy samples: negatives that stand for many, or weights given by who sends the samples."""

import numpy as np
import pytest

from tests.updates.learners.factors.rows import SCHEMA, rows, tastes
from updates.learners.factors.client import user_step, user_step_pairs
from updates.learners.factors.learner import Factors
from updates.learners.factors.steps import MOST_PARTS, MOST_STEP
from updates.samples.schema import WEIGHT

RATE, L2 = 0.1, 0.01
ITEM = np.array([[0.8, -0.4, 0.3]], np.float32), np.array([0.2])
USER = np.array([0.1, 0.5, -0.2], np.float32)


def step(weights, label=1.0):
    """The user after interactions with the item of these weights."""
    n = len(weights)
    vectors, biases = ITEM[0].repeat(n, axis=0), ITEM[1].repeat(n)
    return user_step(USER, 0.0, vectors, biases, np.full(n, label), np.array(weights), RATE, L2)


def same(one, other):
    return np.array_equal(one[0], other[0]) and one[1] == other[1]


def weighing(batch, weight):
    at = batch.schema.get_field_index(WEIGHT)
    column = np.full(batch.num_rows, weight, np.float32)
    return batch.set_column(at, batch.schema.field(at), column)


@pytest.mark.parametrize("options", [{}, {"optimiser": "sgd"}, {"loss": "bpr"}], ids=str)
@pytest.mark.parametrize("rate", [0.1, 10.0])
@pytest.mark.parametrize("weight", [30.0, 1e6])
def test_no_weight_drives_vectors_out_of_bounds(options, rate, weight):
    learner = Factors(SCHEMA, {"dim": 4, "user_rate": rate, "item_rate": rate, **options})
    learner.learn(weighing(tastes(3_000), weight))
    learner.learn(rows(*(("u1", "i1", i % 2) for i in range(300)), weight=weight))
    assert learner.is_finite()
    assert np.isfinite(learner.predict(tastes(50))).all()
    assert np.abs(learner.user("u1")[0]).max() < 100


def test_a_heavy_interaction_is_learned_in_equal_parts():
    assert same(step([12.0]), step([4.0] * 3))
    assert not same(step([12.0]), step([6.0] * 2))


def test_one_that_is_not_heavy_is_learned_at_once():
    at_most = MOST_STEP / RATE
    found, _ = step([at_most])
    slope = (1 / (1 + np.exp(-(USER @ ITEM[0][0] + 0.2))) - 1) * at_most
    expected = USER - RATE * (slope * ITEM[0][0] + at_most * L2 * USER)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_weight_beyond_the_most_parts_does_not_count():
    assert same(step([1e5]), step([MOST_STEP / RATE] * MOST_PARTS))


def test_a_heavy_pair_is_learned_in_equal_parts():
    other = np.zeros((1, 3), np.float32), np.zeros(1)

    def paired(weights):
        n = len(weights)
        pairs = [tuple(part.repeat(n, axis=0) for part in side) for side in (ITEM, other)]
        return user_step_pairs(USER, *pairs, np.array(weights), RATE, L2)

    assert np.array_equal(paired([12.0]), paired([4.0] * 3))


def test_users_learn_heavy_samples_as_the_function_says():
    learner = Factors(SCHEMA, {"dim": 4})
    learner.fit([tastes(2_000)])
    (vector, bias), (item, item_bias) = learner.user("u3"), learner.item("i1")
    settings = learner.settings["user_rate"], learner.settings["l2"]
    expected = user_step(
        vector, bias, item[None], np.array([item_bias]), np.ones(1), np.array([33.0]), *settings
    )
    learner.train(["users"])
    learner.learn(rows(("u3", "i1", 1), weight=33.0))
    assert same(learner.user("u3"), expected)
