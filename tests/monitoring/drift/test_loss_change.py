"""A rise of the loss is found where it is, and noise is none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.drift.loss_change import LossStretch, find_rise

CELL = 60.0


def stretch(means, samples=200, seed=0):
    """Cells of a minute each of log losses around their means."""
    losses = np.random.default_rng(seed).gamma(
        2.0, np.array(means)[:, None] / 2, (len(means), samples)
    )
    return LossStretch(
        np.arange(len(means)) * CELL,
        np.full(len(means), samples),
        losses.sum(axis=1),
        (losses**2).sum(axis=1),
    )


@given(st.integers(5, 55), st.integers(0, 1_000))
def test_a_clear_rise_is_found_within_two_minutes_of_it(at, seed):
    rise = find_rise(stretch([0.4] * at + [0.6] * (60 - at), seed=seed))
    assert rise.at == pytest.approx(at * CELL, abs=2 * CELL)
    assert (rise.before, rise.after) == (pytest.approx(0.4, rel=0.1), pytest.approx(0.6, rel=0.1))


def test_a_fall_is_no_rise():
    assert find_rise(stretch([0.6] * 30 + [0.4] * 30)) is None


def test_without_a_change_a_rise_is_seen_one_time_in_a_hundred_at_most():
    seen = sum(find_rise(stretch([0.4] * 60, seed=seed)) is not None for seed in range(400))
    assert seen <= 8  # 99.9 % of 400 draws of 1 %


def test_a_rise_that_is_over_again_is_found_too():
    rise = find_rise(stretch([0.4] * 30 + [0.8] * 20 + [0.4] * 10))
    assert rise.at == pytest.approx(30 * CELL, abs=2 * CELL)


def test_few_samples_tell_nothing():
    few = stretch([0.1, 2.0], samples=99)
    assert not few.tells
    assert find_rise(few) is None
    assert find_rise(LossStretch(*np.empty((4, 0)))) is None


def test_losses_that_are_all_equal_have_not_risen():
    n = np.full(10, 100)
    assert find_rise(LossStretch(np.arange(10.0), n, 0.5 * n, 0.25 * n)) is None
