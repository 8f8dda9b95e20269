"""Quality measures against their definitions and scikit-learn's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import log_loss, roc_auc_score

from updates.metrics import auc, entropy, loss_difference, quality

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
