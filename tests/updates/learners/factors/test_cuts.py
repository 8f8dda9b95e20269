"""However samples come in batches, and from whichever state."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.updates.learners.streams import SCHEMA, stream
from updates.learners.factors.files import SpaceMismatch
from updates.learners.factors.learner import Factors

ROWS = 60


def taught(options):
    learner = Factors(SCHEMA, {"dim": 3, **options})
    learner.learn(stream(20))
    return learner


def saved(learner, folder):
    folder.mkdir()
    learner.save(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@given(
    cuts=st.lists(st.integers(0, ROWS), max_size=6).map(sorted),
    trained=st.sampled_from([["items"], ["users"], ["items", "users"]]),
    options=st.sampled_from([{}, {"optimiser": "sgd"}, {"loss": "bpr"}]),
)
@settings(max_examples=30, deadline=None)
def test_batches_may_be_cut_anywhere_whatever_is_trained(tmp_path_factory, cuts, trained, options):
    whole, cut, batch, predictions = taught(options), taught(options), stream(ROWS, seed=1), []
    for learner in (whole, cut):
        learner.train(trained)
    for start, stop in zip([0, *cuts], [*cuts, ROWS], strict=True):
        predictions.append(cut.learn(batch.slice(start, stop - start)).predictions)
    assert np.array_equal(whole.learn(batch).predictions, np.concatenate(predictions))
    folder = tmp_path_factory.mktemp("cut")
    assert saved(whole, folder / "whole") == saved(cut, folder / "cut")


def test_a_delta_of_another_space_is_refused_and_changes_nothing(tmp_path):
    learner, serving = taught({}), taught({})
    saved(learner, tmp_path / "saved")
    serving.load_serving(tmp_path / "saved")
    learner.fit([stream(ROWS)])
    learner.track()
    learner.learn(stream(ROWS, seed=1))
    before = serving.predict(stream(ROWS, seed=2))
    with pytest.raises(SpaceMismatch, match=f"belong to item space {learner.space_id}"):
        serving.apply(learner.delta())
    assert np.array_equal(serving.predict(stream(ROWS, seed=2)), before)


def test_a_serving_form_of_nothing_follows_into_the_first_space(tmp_path):
    learner, serving = Factors(SCHEMA), Factors(SCHEMA)
    saved(learner, tmp_path / "saved")
    serving.load_serving(tmp_path / "saved")
    learner.track()
    learner.learn(stream(ROWS))
    serving.apply(learner.delta())
    assert serving.space_id == learner.space_id
    batch = stream(ROWS, seed=1)
    assert np.array_equal(serving.predict(batch), learner.predict(batch))
