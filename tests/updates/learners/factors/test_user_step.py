"""The function that a device follows is what the learner does."""

import numpy as np
import pyarrow as pa
import pytest

from tests.updates.learners.streams import SCHEMA, stream
from updates.learners.factors.learner import Factors
from updates.learners.factors.steps import MOST_STEP, StepSettings, user_step


@pytest.mark.parametrize("user", ["u3", "nobody yet"])
def test_a_users_steps_are_what_learning_does_while_the_items_stay(user):
    learner = Factors(SCHEMA, {"dim": 5})
    learner.fit([stream(300)])
    batch = stream(60, seed=1)
    labels = np.array(batch["label"])
    weights = np.random.default_rng(1).exponential(4.0, 60).astype(np.float32)
    items = [*batch["item"].to_pylist()[:50], *(f"unknown {i}" for i in range(10))]
    columns = {"user": [user] * 60, "item": items, "weight": weights}
    for name, values in columns.items():
        at = batch.schema.get_field_index(name)
        batch = batch.set_column(
            at, batch.schema.field(name), pa.array(values, SCHEMA.arrow.field(name).type)
        )
    vectors, biases = learner.item_vectors(items)
    stepped = user_step(
        *learner.user_vector(user), vectors, biases, labels, weights, learner.step_settings
    )
    learner.train(["users"])
    learner.learn(batch)
    learned = learner.user_vector(user)
    assert np.array_equal(learned[0], stepped[0])
    assert learned[1] == stepped[1]


def test_a_step_is_the_one_in_its_description():
    rng = np.random.default_rng(2)
    v, q = rng.normal(size=(2, 3)).astype(np.float32)
    settings = StepSettings(rate=0.1, l2=0.02, intercept=-0.4)
    for weight in (1.0, 3.0, 100.0):
        vector, bias = user_step(v, 0.25, q[None], [0.5], [1.0], [weight], settings)
        e = 1 / (1 + np.exp(-(-0.4 + 0.25 + 0.5 + float(v @ q)))) - 1
        s = min(0.1 * weight, MOST_STEP)
        np.testing.assert_allclose(vector, v - s * (e * q + 0.02 * v), rtol=1e-5)
        np.testing.assert_allclose(bias, 0.25 - s * (e + 0.02 * 0.25), rtol=1e-6)


def test_what_is_given_is_not_written():
    v, q = np.ones((2, 3), np.float32)
    user_step(v, 0.0, q[None], [0.0], [1.0], [1.0], StepSettings(0.1, 0.0, 0.0))
    assert (v == 1).all()
    assert (q == 1).all()
