"""Fake negatives: the weighted loss is the paper's, the calibrated prediction is what is meant."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import SCHEMA, make_batch
from tests.updates.learners.sparse import paper
from tests.updates.learners.sparse.rows import dense_rows, ftrl
from updates.learners.delayed_feedback import CALIBRATION, WAIT, WEIGHTED
from updates.learners.sparse.delayed_feedback import calibrated
from updates.learners.sparse.linear import SparseLinear

PARAMETERS = (0.3, 1.0, 0.05, 0.1)


def test_the_slope_is_that_of_the_papers_loss():
    def loss(margin, y, p):
        f = 1 / (1 + np.exp(-margin))
        return -(y * (1 + p) * np.log(f) + (1 - y) * (1 - p) * (1 + p) * np.log(1 - f))

    for margin in (-4.0, -0.3, 1.0):
        for y in (0, 1):
            p, step = 1 / (1 + np.exp(-margin)), 1e-6
            rise = (loss(margin + step, y, p) - loss(margin - step, y, p)) / (2 * step)
            assert paper.fake_negative_weighted(p, y) == pytest.approx(rise, rel=1e-6)


@given(seed=st.integers(0, 2**32 - 1))
def test_the_weighted_loss_is_learned_as_by_the_dense_algorithm(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(60, 5)) * (rng.random((60, 5)) < 0.6)
    y, importance = (rng.random(60) < 0.3).astype(float), rng.choice([0.0, 1.0, 2.5], 60)
    slope = paper.fake_negative_weighted
    predictions, *_, w = paper.algorithm_1(X, y, PARAMETERS, importance, slope)
    model = ftrl(*PARAMETERS, fit_intercept=False)
    got, _ = model.learn(dense_rows(X, y, importance)._replace(fake_negatives=True))
    learned = model.weights_of(np.arange(1, 6, dtype=np.uint64))
    np.testing.assert_allclose(got, predictions, rtol=0, atol=1e-10)
    np.testing.assert_allclose(learned, w, rtol=0, atol=1e-10)


def test_calibration_gives_back_the_share_of_impressions():
    p = np.array([1e-6, 0.02, 0.5, 0.999])
    np.testing.assert_allclose(calibrated(p / (1 + p)), p, rtol=1e-12)


def test_a_biased_prediction_beyond_a_half_is_a_probability_all_the_same():
    assert (calibrated(np.array([0.5, 0.6, 1.0])) < 1).all()


def mixed(positive, rows):
    """Impressions with the same features as negatives, each with its positive, where it has one."""
    labels = [label for i in range(rows) for label in ([0, 1] if i % 10 < 10 * positive else [0])]
    return make_batch([{"user": "u", "label": label} for label in labels])


@pytest.mark.parametrize("positive", [0.1, 0.5, 0.8])
@pytest.mark.parametrize("correction", [WEIGHTED, CALIBRATION])
def test_the_share_of_impressions_is_learned_and_served(correction, positive, tmp_path):
    batch = mixed(positive, 4_000)
    options = {"delayed_feedback": correction, "l1": 0.0, "alpha": 0.1}
    learner, serving = SparseLinear(SCHEMA, options), SparseLinear(SCHEMA, options)
    told = learner.learn(batch).predictions
    assert told[-1_000:].mean() == pytest.approx(positive, abs=0.05)
    learner.save(tmp_path)
    serving.load_serving(tmp_path)
    assert serving.predict(batch.slice(0, 1))[0] == pytest.approx(positive, abs=0.05)
    assert (serving.predict(batch) == learner.predict(batch)).all()


def test_naively_the_share_of_the_stream_is_learned():
    learner = SparseLinear(SCHEMA, {"l1": 0.0, "alpha": 0.1})
    learner.learn(mixed(0.8, 4_000))
    assert learner.predict(make_batch([{"user": "u"}]))[0] == pytest.approx(0.8 / 1.8, abs=0.05)


def test_calibration_learns_the_weights_that_plain_learning_does():
    taught = [SparseLinear(SCHEMA, {"delayed_feedback": kind}) for kind in (WAIT, CALIBRATION)]
    for learner in taught:
        learner.learn(make_batch(200))
    waiting, biased = (learner.model.weights() for learner in taught)
    assert (waiting == biased).all()
