"""A serving form that follows what is learned."""

import numpy as np
import pytest

from tests.updates.learners.streams import SCHEMA, stream
from updates.learners.factors.files import SpaceMismatch
from updates.learners.factors.learner import Factors
from updates.learners.factors.recommend import recommend

OPTIONS = {"dim": 4}


@pytest.fixture
def learner():
    learner = Factors(SCHEMA, OPTIONS)
    learner.fit([stream(40)])
    return learner


def serving_of(learner, folder):
    folder.mkdir()
    learner.save(folder)
    serving = Factors(SCHEMA, OPTIONS)
    serving.load_serving(folder)
    return serving


def saved(learner, folder):
    folder.mkdir()
    learner.save(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("trained", [["items"], ["users"], ["items", "users"]], ids="+".join)
def test_deltas_make_a_serving_form_equal_to_the_learner(learner, tmp_path, trained):
    serving = serving_of(learner, tmp_path / "begin")
    learner.train(trained)
    learner.track()
    for seed in range(1, 4):
        learner.learn(stream(30, seed=seed))
        serving.apply(learner.delta())
    assert saved(serving, tmp_path / "serving") == saved(learner, tmp_path / "learner")
    batch = stream(50, seed=9)
    assert np.array_equal(serving.predict(batch), learner.predict(batch))
    assert recommend(serving, "u3", 5)[0] == recommend(learner, "u3", 5)[0]


def test_a_serving_form_of_a_state_in_between_arrives_too(learner, tmp_path):
    learner.track()
    learner.learn(stream(20, seed=1))
    serving = serving_of(learner, tmp_path / "between")
    learner.learn(stream(60, seed=2))
    serving.apply(learner.delta())
    assert saved(serving, tmp_path / "serving") == saved(learner, tmp_path / "learner")


def test_a_delta_has_only_what_was_learned(learner, tmp_path):
    learner.track()
    whole = len(learner.delta())
    learner.learn(stream(1, seed=1))
    one = len(learner.delta())
    learner.learn(stream(100, seed=1))
    assert whole < one < len(learner.delta())
    assert len(learner.delta()) == whole


def test_a_delta_of_another_space_is_refused(learner, tmp_path):
    serving = serving_of(learner, tmp_path / "serving")
    learner.fit([stream(50)])
    learner.track()
    with pytest.raises(SpaceMismatch):
        serving.apply(learner.delta())
