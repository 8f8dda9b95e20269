"""What a device may have come to, and what it cannot have."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import SCHEMA, make_batch
from tests.updates.flows.conftest import learnable_rows
from updates.learners.device import Interaction, UserVector
from updates.learners.registry import get
from updates.strategies.client import (
    ImplausibleVector,
    check_explained,
    check_shape,
    check_steps,
    replay,
)

DIM = 4
NOBODY = UserVector(np.zeros(DIM, np.float32), 0.0)


def side_of(**options):
    learner = get("factors")(SCHEMA, {"dim": DIM, **options})
    learner.learn(make_batch(learnable_rows(1_000)))
    return learner.on_device()


LOGISTIC, PAIRS = side_of(), side_of(loss="bpr")
items = st.integers(0, 25).map("i{}".format)  # of 20, and some that are not known
interactions = st.lists(
    st.builds(
        Interaction,
        items,
        st.sampled_from([0.0, 1.0]),
        st.sampled_from([1.0, 0.5, 10.0]),
        st.none() | items,
    ),
    max_size=20,
)
sides = st.sampled_from([LOGISTIC, PAIRS])


@given(sides, interactions, st.integers(0, 20))
def test_learning_in_two_goes_is_learning_at_once(side, done, cut):
    first = replay(side, NOBODY, done[:cut])
    second = replay(side, first.user, done[cut:])
    whole = replay(side, NOBODY, done)
    assert whole.user.distance(second.user) == 0
    predicted = [*first.probabilities, *second.probabilities]
    assert np.array_equal(whole.probabilities, predicted)


@given(sides, interactions)
def test_what_an_honest_device_comes_to_is_never_refused(side, done):
    made = replay(side, NOBODY, done).user
    check_shape(side, made)
    check_explained(side, made, made, done)
    weights = sum(max(int(np.ceil(one.weight)), 1) for one in done)
    check_steps(side, made, NOBODY, weights)


@given(sides, interactions)
def test_nothing_leads_further_than_its_reach(side, done):
    way = side.steps(NOBODY, done)
    for before, after, one in zip(way[:-1], way[1:], done, strict=True):
        assert before.distance(after) <= side.reach(before, [one]) + 1e-6
    assert way[-1].norm <= side.longest * (1 + 1e-6)


@given(interactions)
def test_a_device_whose_items_are_some_updates_old_is_believed(done):
    """Vectors of the same space after more samples."""
    older = get("factors")(SCHEMA, {"dim": DIM})
    older.learn(make_batch(learnable_rows(950)))
    sent = replay(older.on_device(), NOBODY, done).user
    check_explained(LOGISTIC, sent, replay(LOGISTIC, NOBODY, done).user, done)


@given(sides, interactions, st.floats(0.6, 100))
def test_a_jump_beyond_what_interactions_can_do_is_refused(side, done, times):
    made = replay(side, NOBODY, done).user
    jump = times * side.reach(made, done) + 0.01
    sent = UserVector(made.vector + np.array([jump, 0, 0, 0], np.float32), made.bias)
    with pytest.raises(ImplausibleVector, match="away from what its"):
        check_explained(side, sent, made, done)


@pytest.mark.parametrize(
    ("vector", "bias", "kind"),
    [
        ([0] * 3, 0, "wrong-dimension"),
        ([0] * 5, 0, "wrong-dimension"),
        ([np.nan, 0, 0, 0], 0, "not-finite"),
        ([np.inf, 0, 0, 0], 0, "not-finite"),
        ([0] * 4, np.nan, "not-finite"),
        ([1e4, 0, 0, 0], 0, "huge-norm"),
    ],
)
def test_what_is_no_vector_of_the_model_is_refused_in_a_word(vector, bias, kind):
    with pytest.raises(ImplausibleVector) as refusal:
        check_shape(LOGISTIC, UserVector(np.array(vector, np.float32), bias))
    assert refusal.value.kind == kind


def test_of_pairs_only_those_with_something_passed_over_teach():
    liked, nothing = Interaction("i1", 1.0, 1.0, "i2"), Interaction("i1", 1.0)
    disliked = Interaction("i1", 0.0, 1.0, "i2")
    assert replay(PAIRS, NOBODY, [nothing, disliked]).user.distance(NOBODY) == 0
    assert replay(PAIRS, NOBODY, [liked]).user.norm > 0


def test_items_come_once_and_unknown_ones_are_left_out():
    found = LOGISTIC.items(["i3", "nothing", "i1", "i3"])
    assert found.names == ["i3", "i1"]
    assert found.vectors.shape == (2, DIM)
    assert found.vectors.dtype == np.float32
    assert found.biases.dtype == np.float64
