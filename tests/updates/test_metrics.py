"""Quality measures against their definitions and scikit-learn's."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.stats import norm
from scipy.stats import t as student
from sklearn.metrics import log_loss, roc_auc_score

from updates.metrics import (
    Estimate,
    auc,
    calibration_estimate,
    entropy,
    loss_difference,
    losses,
    quality,
)

samples = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from(np.linspace(0.05, 0.95, 10)), st.floats(0.1, 5)),
    min_size=2,
    max_size=50,
).map(lambda rows: tuple(np.array(column, float) for column in zip(*rows, strict=True)))


@given(samples)
def test_log_loss_and_auc_equal_those_of_scikit_learn(columns):
    labels, predictions, weights = columns
    ours = quality(labels, predictions, weights)
    expected = log_loss(labels, predictions, sample_weight=weights, labels=[0, 1])
    assert ours.log_loss == pytest.approx(expected)
    if len(set(labels)) == 2:
        assert ours.auc == pytest.approx(roc_auc_score(labels, predictions))


def test_predicting_the_background_rate_has_an_entropy_of_one():
    labels = np.array([1, 0, 0, 0.0])
    assert quality(labels, np.full(4, 0.25)).ne == pytest.approx(1)


def test_calibration_is_predicted_over_observed_clicks():
    assert quality(np.array([1, 0.0]), np.array([0.9, 0.6])).calibration == pytest.approx(1.5)


def test_a_weight_of_two_counts_as_two_samples():
    labels, predictions = np.array([1, 0.0]), np.array([0.7, 0.4])
    doubled = quality(np.array([1, 1, 0.0]), np.array([0.7, 0.7, 0.4]))
    assert quality(labels, predictions, np.array([2.0, 1])).ne == pytest.approx(doubled.ne)


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_what_one_class_alone_does_not_define_is_none(label):
    measured = quality(np.full(3, label), np.full(3, 0.5))
    assert (measured.ne, measured.auc) == (None, None)
    assert measured.log_loss == pytest.approx(np.log(2))


def test_no_samples_have_no_quality():
    empty = np.empty(0)
    assert quality(empty, empty).log_loss is None
    assert auc(empty, empty) is None


def test_a_certain_mistake_is_not_infinite():
    assert np.isfinite(quality(np.array([1.0, 0]), np.array([0.0, 0])).log_loss)


def test_entropy_of_a_fair_coin_is_ln_two():
    assert entropy(0.5) == pytest.approx(np.log(2))


def test_the_better_of_two_predictions_has_the_lower_loss():
    labels = np.array([1.0, 0, 1, 0])
    difference = loss_difference(labels, np.abs(labels - 0.1), np.full(4, 0.5))
    assert difference.mean < 0
    assert difference.standard_error == pytest.approx(0, abs=1e-12)


def test_samples_without_weight_make_no_difference_between_two_predictions():
    labels, ours, theirs = np.array([1.0, 0, 1, 0]), np.full(4, 0.9), np.full(4, 0.5)
    weighted = loss_difference(labels, ours, theirs, np.array([2.0, 2, 0, 0]))
    alone = loss_difference(labels[:2], ours[:2], theirs[:2])
    assert (weighted.mean, weighted.entropy) == pytest.approx((alone.mean, alone.entropy))


def test_the_error_of_groups_is_that_of_their_sums():
    """As statsmodels' OLS on a constant has it with cov_type "cluster", and by hand."""
    random = np.random.default_rng(0)
    labels = (random.uniform(size=60) < 0.4).astype(float)
    ours, theirs = random.uniform(0.1, 0.9, (2, 60))
    groups = random.integers(0, 7, 60)
    differences = losses(labels, ours) - losses(labels, theirs)
    sums = np.array([(differences[groups == g] - differences.mean()).sum() for g in range(7)])
    found = loss_difference(labels, ours, theirs, None, groups)
    assert found.degrees == 6
    assert found.standard_error == pytest.approx(np.sqrt(7 / 6 * (sums**2).sum()) / 60)


def test_samples_each_in_a_group_of_their_own_are_independent():
    random = np.random.default_rng(1)
    labels = (random.uniform(size=50) < 0.5).astype(float)
    ours, theirs = random.uniform(0.1, 0.9, (2, 50))
    alone = loss_difference(labels, ours, theirs, None, np.arange(50))
    assert alone == loss_difference(labels, ours, theirs)


def test_one_group_alone_says_nothing_of_others_and_its_samples_count_alone():
    labels = np.array([1.0, 0, 1, 0, 1])
    ours, theirs = np.full(5, 0.6), np.array([0.5, 0.4, 0.6, 0.7, 0.5])
    one = loss_difference(labels, ours, theirs, None, np.zeros(5, int))
    assert one == loss_difference(labels, ours, theirs)


def test_users_that_err_together_reject_equals_by_chance_less_often_than_their_samples_would():
    """Each user's clicks are off by a common error, as sessions are; both models are as good."""
    random = np.random.default_rng(2)
    users = np.repeat(np.arange(20), 25)
    rejected = np.zeros(2)
    for _ in range(200):
        off = random.normal(0, 1.5, 20)[users]
        labels = (random.uniform(size=500) < 1 / (1 + np.exp(-off))).astype(float)
        shift = np.where(random.uniform(size=20) < 0.5, 0.5, -0.5)[users]
        ours, theirs = 1 / (1 + np.exp(-shift)), 1 / (1 + np.exp(shift))
        for i, groups in enumerate((None, users)):
            difference = loss_difference(labels, ours, theirs, None, groups)
            rejected[i] += difference.ne_increase_at_least > 0
    assert rejected[0] > 20
    assert rejected[1] <= 8


def test_the_interval_holds_the_difference_and_its_ends_are_student_s():
    labels = np.array([1.0, 0, 1, 0, 1, 0])
    ours, theirs = np.full(6, 0.6), np.array([0.5, 0.4, 0.6, 0.7, 0.5, 0.5])
    difference = loss_difference(labels, ours, theirs)
    low, high = difference.ne_increase_interval
    half = 2.5706 * difference.standard_error / difference.entropy
    assert (low, high) == pytest.approx(
        (difference.ne_increase - half, difference.ne_increase + half), rel=1e-4
    )


def test_calibration_s_bounds_hold_the_truth_in_about_99_of_100_samples():
    random = np.random.default_rng(3)
    outside = 0
    for _ in range(1000):
        truth = random.uniform(0.1, 0.9, 400)
        labels = (random.uniform(size=400) < truth).astype(float)
        low, high = calibration_estimate(labels, truth, np.ones(400)).bounds()
        outside += not low <= 1 <= high
    assert outside <= 40  # 1 % on either side


@pytest.mark.parametrize(
    ("positives", "negatives", "judgeable"),
    [(10, 90, True), (90, 10, True), (9, 991, False), (50, 49, False), (100, 0, False)],
)
def test_guardrails_judge_by_enough_samples_of_each_label_only(positives, negatives, judgeable):
    labels = np.repeat([1.0, 0.0], [positives, negatives])
    assert quality(labels, np.full(len(labels), 0.5)).judgeable is judgeable


@given(st.integers(100, 1000), st.floats(0.05, 0.95), st.integers(0, 2**32))
def test_whatever_is_judgeable_tells_a_much_worse_candidate_from_chance(size, share, seed):
    random = np.random.default_rng(seed)
    truth = np.where(random.uniform(size=size) < share, 0.9, 0.1)
    labels = (random.uniform(size=size) < truth).astype(float)
    assume(quality(labels, truth).judgeable)
    assert loss_difference(labels, 1 - truth, truth).ne_increase_at_least > 0.1


def test_a_surprise_is_the_normal_score_of_students_tail():
    far = Estimate(3.0, 1.0, 4)
    assert far.surprise(0.0) == pytest.approx(norm.isf(student.sf(3.0, 4)))
    assert far.surprise(6.0) == pytest.approx(-far.surprise(0.0))
    assert Estimate(3.0, 1.0, 10**6).surprise(1.0) == pytest.approx(2.0, abs=1e-4)


def test_without_noise_a_surprise_is_endless_and_without_an_error_none():
    assert Estimate(1.0, 0.0, 9).surprise(0.5) == math.inf
    assert Estimate(1.0, None, 0).surprise(0.5) == -math.inf
    assert loss_difference(np.ones(5), np.full(5, 0.5), np.full(5, 0.6)).surprise(0) == -math.inf
