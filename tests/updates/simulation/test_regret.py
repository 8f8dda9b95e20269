"""Regret and excess log loss against the truth; recovery from flash events."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from updates.metrics import losses
from updates.simulation.recovery import Recovery, recovery
from updates.simulation.regret import distance, divergence

PROBABILITIES = arrays(np.float64, (3, 8), elements=st.floats(0.001, 0.999))


@given(PROBABILITIES, PROBABILITIES)
def test_regret_and_excess_log_loss_are_never_negative(true, predicted):
    found = distance(true, predicted, best=3)
    assert found.regret >= 0
    assert found.excess_log_loss >= 0


@given(PROBABILITIES)
def test_the_truth_itself_has_neither(true):
    assert distance(true, true, best=3) == (0, 0)


@given(PROBABILITIES, PROBABILITIES)
def test_only_the_ranking_decides_the_regret(true, predicted):
    squeezed = np.searchsorted(np.unique(predicted), predicted) / predicted.size
    assert distance(true, predicted, 3).regret == distance(true, squeezed, 3).regret


def test_regret_is_what_the_list_loses_against_the_best():
    true = np.array([[0.5, 0.4, 0.3, 0.1]])
    predicted = np.array([[0.1, 0.9, 0.2, 0.8]])
    assert distance(true, predicted, best=2).regret == pytest.approx((0.9 - 0.5) / 2)


@given(PROBABILITIES, PROBABILITIES)
def test_excess_log_loss_is_the_expected_loss_above_that_of_the_truth(true, predicted):
    def expected(q):
        ones, zeros = np.ones(true.size), np.zeros(true.size)
        p = true.ravel()
        return p * losses(ones, q.ravel()) + (1 - p) * losses(zeros, q.ravel())

    above = (expected(predicted) - expected(true)).mean()
    assert divergence(true, predicted).mean() == pytest.approx(above, abs=1e-9)


def test_certainty_in_what_is_wrong_is_bounded():
    assert np.isfinite(divergence(np.array([0.5]), np.array([0.0])))


HOURS = np.arange(0, 48, 0.5)


def test_recovery_is_when_half_of_the_rise_is_gone():
    regrets = np.where(HOURS < 10, 0.1, 0.1 + 0.2 * np.exp(-(HOURS - 10) / 4))
    found = recovery(HOURS, regrets, 10)
    assert found.jump == pytest.approx(0.2)
    assert found.hours == pytest.approx(4 * np.log(2), abs=0.5)


def test_who_does_not_come_back_within_a_day_has_not_recovered():
    regrets = np.where((HOURS < 10) | (HOURS > 40), 0.1, 0.3)
    assert recovery(HOURS, regrets, 10) == Recovery(pytest.approx(0.2), None)


def test_who_lost_nothing_has_nothing_to_regain():
    found = recovery(HOURS, np.full(len(HOURS), 0.1), 10)
    assert found == Recovery(pytest.approx(0), None)


def test_without_measurements_on_both_sides_nothing_is_known():
    assert recovery([], [], 10) is None
    assert recovery(HOURS[:10], np.ones(10), 10) is None
    assert recovery(HOURS, np.ones(len(HOURS)), 0) is None
