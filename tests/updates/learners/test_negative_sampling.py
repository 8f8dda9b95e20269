"""A share of the negatives is learned; what is predicted is of all of them."""

import numpy as np
import pytest

from tests.conftest import SCHEMA, make_batch
from updates.learners.negative_sampling import corrected
from updates.learners.sparse.linear import SparseLinear

PLAIN = {"l1": 0.0, "alpha": 0.05}


def test_the_correction_is_that_of_the_paper():
    p = np.array([1e-15, 0.01, 0.5, 1 - 1e-15])
    np.testing.assert_allclose(corrected(p, 0.1), p / (p + (1 - p) / 0.1), rtol=1e-12)


def test_it_subtracts_the_rates_logarithm_from_the_log_odds():
    p = np.array([0.01, 0.3, 0.9])
    odds, sampled = (q / (1 - q) for q in (corrected(p, 0.02), p))
    np.testing.assert_allclose(odds, 0.02 * sampled, rtol=1e-12)


def sampled(positives, negatives, rate):
    """So many of each in turn; negatives stand for 1 / rate of them."""
    rows = [{"user": "u", "label": 1}] * positives
    rows += [{"user": "u", "label": 0, "weight": 1 / rate}] * negatives
    return make_batch([rows[i] for i in np.random.default_rng(1).permutation(len(rows))])


def test_a_model_of_a_tenth_of_the_negatives_predicts_the_share_of_positives():
    rate, batch = 0.1, sampled(1_000, 2_000, 0.1)
    learner = SparseLinear(SCHEMA, PLAIN | {"negative_sampling_rate": rate})
    told = learner.learn(batch).predictions
    expected = 1_000 / (1_000 + 2_000 / rate)
    assert learner.predict(batch.slice(0, 1))[0] == pytest.approx(expected, rel=0.1)
    assert told[-500:].mean() == pytest.approx(expected, rel=0.1)


def test_each_negative_moves_the_weights_as_one():
    unweighted = SparseLinear(SCHEMA, PLAIN)
    learner = SparseLinear(SCHEMA, PLAIN | {"negative_sampling_rate": 0.25})
    unweighted.learn(sampled(50, 50, 1.0))
    learner.learn(sampled(50, 50, 0.25))
    assert (learner.model.weights() == unweighted.model.weights()).all()
