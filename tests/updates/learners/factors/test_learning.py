import numpy as np
import pytest

from tests.updates.learners.factors.rows import SCHEMA, rows, tastes
from updates.learners.factors.client import user_step, user_step_pairs
from updates.learners.factors.learner import Factors
from updates.learners.options import OptionError
from updates.metrics import auc, quality
from updates.samples.schema import LABEL, SampleSchema

SMALL = {"dim": 4, "epochs": 5}


def taught(batch, **options):
    learner = Factors(SCHEMA, {**SMALL, **options})
    learner.fit([batch])
    return learner


def labels(batch):
    return batch.column(LABEL).to_numpy().astype(np.float64)


@pytest.mark.parametrize("options", [{}, {"optimiser": "sgd"}, {"loss": "bpr"}], ids=str)
def test_tastes_are_learned(options):
    learner = taught(tastes(8_000), **options)
    fresh = tastes(4_000, seed=0)
    assert auc(labels(fresh), learner.predict(fresh)) > 0.8
    found = quality(labels(fresh), learner.predict(fresh))
    assert found.ne < 0.85
    assert 0.9 < found.calibration < 1.1


def test_a_user_step_is_bit_for_bit_what_learning_does_to_the_user():
    learner = taught(tastes(2_000))
    seen = [("u3", "i1", 1), ("u3", "i2", 0), ("u3", "i5", 1), ("u3", "i1", 0)]
    weights = np.full(4, 0.7, np.float32)
    vectors, biases = zip(*(learner.item(item) for _, item, _ in seen), strict=True)
    expected = user_step(
        *learner.user("u3"),
        np.stack(vectors),
        np.array(biases),
        np.array([label for *_, label in seen]),
        weights,
        learner.settings["user_rate"],
        learner.settings["l2"],
    )
    learner.train(["users"])
    learner.learn(rows(*seen, weight=0.7))
    vector, bias = learner.user("u3")
    assert np.array_equal(vector, expected[0])
    assert bias == expected[1]


def test_a_step_with_pairs_is_bit_for_bit_what_bpr_does_to_the_user():
    learner = taught(rows(("u", "a", 1), ("u", "b", 1), ("v", "a", 1)), loss="bpr")
    (a, a_bias), (b, b_bias) = learner.item("a"), learner.item("b")
    expected = user_step_pairs(
        learner.user("u")[0],
        (a[np.newaxis], np.array([a_bias])),
        (b[np.newaxis], np.array([b_bias])),
        np.ones(1),
        learner.settings["user_rate"],
        learner.settings["l2"],
    )
    learner.train(["users"])
    learner.learn(rows(("u", "a", 1)))  # of two items the other one is drawn
    assert np.allclose(learner.user("u")[0], expected, rtol=0, atol=1e-7)


def test_a_user_step_follows_the_gradient_of_the_loss():
    random = np.random.default_rng(0)
    user, item = random.normal(size=5), random.normal(size=5)

    def loss(u, bias):
        logit = u @ item + bias + 0.3
        return 2.0 * (np.logaddexp(0, logit) - 1.0 * logit) + 2.0 * 0.05 * (u @ u + bias**2) / 2

    vector, bias = user_step(
        user.astype(np.float32),
        0.1,
        item[np.newaxis].astype(np.float32),
        np.array([0.3]),
        np.ones(1),
        np.array([2.0]),
        1e-2,
        0.05,
    )
    h = 1e-5
    slopes = [(loss(user + h * e, 0.1) - loss(user - h * e, 0.1)) / (2 * h) for e in np.eye(5)]
    assert np.allclose((user - vector) / 1e-2, slopes, atol=1e-4)
    slope = (loss(user, 0.1 + h) - loss(user, 0.1 - h)) / (2 * h)
    assert np.isclose((0.1 - bias) / 1e-2, slope, atol=1e-4)


def test_weight_0_moves_nothing_and_weight_2_twice_as_far():
    before = taught(tastes(500))
    moved = {}
    for weight in (0.0, 1.0, 2.0):
        learner = before.snapshot()
        learner.train(["users"])
        learner.learn(rows(("u1", "i1", 1), weight=weight))
        moved[weight] = learner.user("u1")[0] - before.user("u1")[0]
    assert not moved[0.0].any()
    assert np.allclose(2 * moved[1.0], moved[2.0], atol=1e-6)


def test_an_unknown_user_is_told_what_all_like_and_an_unknown_item_is_neutral():
    learner = taught(rows(*[("a", "good", 1), ("b", "bad", 0), ("b", "good", 1)] * 20))
    vector, bias = learner.user("nobody")
    assert (vector.any(), bias) == (False, 0.0)
    assert learner.recommend("nobody", 2).items == ["good", "bad"]
    vector, bias = learner.item("nothing")
    assert (vector.any(), bias) == (False, learner.intercept)
    expected = 1 / (1 + np.exp(-learner.intercept))
    assert np.isclose(learner.predict(rows(("nobody", "nothing", 1)))[0], expected)


def test_a_sample_without_an_item_moves_the_bias_of_its_user_only():
    learner = taught(tastes(500))
    (vector, bias), items = learner.user("u1"), learner.item_vectors.copy()
    learner.learn(rows(*[("u1", None, 1)] * 5))
    assert learner.user("u1")[1] > bias
    assert np.allclose(learner.user("u1")[0], vector, rtol=0.05)
    assert np.array_equal(learner.item_vectors, items)


def test_a_schema_needs_a_user_and_an_item():
    with pytest.raises(TypeError, match="a user and an item"):
        Factors(SampleSchema(user="user", categorical=("device",)))
    with pytest.raises(OptionError, match="one of logistic, bpr"):
        Factors(SCHEMA, {"loss": "hinge"})
