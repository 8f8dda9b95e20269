import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.updates.learners.sparse.paper import algorithm_1
from tests.updates.learners.sparse.rows import dense_rows, ftrl, rows_of

# Computed apart, in double precision: p before each row, then z, n and w after the last one.
STREAM = (
    [{1: 1, 2: 1}, {1: 1, 3: 1}, {2: 1, 3: 0.5}, {1: 1}, {1: 1, 2: -1, 3: 2}, {2: 1}],
    [1, 0, 1, 1, 0, 1],
)
WITHOUT_L1 = (
    {"alpha": 0.1},
    [0.5, 0.5083325618, 0.5041205371, 0.5009146853, 0.4830522007, 0.5221071011],
    [-0.1224125394, -2.2286604779, 1.3447421028],
    [0.9908275734, 0.9576174931, 1.2532338181],
    [0.0061347270, 0.1126394303, -0.0634468158],
)
WITH_L1 = (
    {"alpha": 0.5, "l1": 0.3, "l2": 0.2},
    [0.5, 0.5156199157, 0.5072832626, 0.5, 0.4636555438, 0.5789917931],
    [-0.0603531925, -2.0215153854, 1.2040238378],
    [0.9808403608, 0.8849941570, 1.1864621966],
    [0, 0.4217867796, -0.2064689907],
)

values = st.one_of(st.just(0.0), st.floats(0.01, 2), st.floats(-2, -0.01))
labels = st.integers(0, 1).map(float)
importances = st.one_of(st.just(0.0), st.floats(0.01, 3))
penalties = st.one_of(st.just(0.0), st.floats(0.001, 2))


@st.composite
def streams(draw):
    rows = draw(st.integers(1, 40))
    return (
        draw(arrays(np.float64, (rows, 5), elements=values)),
        draw(arrays(np.float64, rows, elements=labels)),
        draw(arrays(np.float64, rows, elements=importances)),
    )


@given(
    streams(), st.floats(0.01, 1), st.one_of(st.just(0.0), st.floats(0.1, 2)), penalties, penalties
)
def test_it_equals_algorithm_1_of_the_paper(stream, alpha, beta, l1, l2):
    X, y, importance = stream
    predictions, z, n, w = algorithm_1(X, y, (alpha, beta, l1, l2), importance)
    model = ftrl(alpha, beta, l1, l2, fit_intercept=False)
    got, _ = model.learn(dense_rows(X, y, importance))
    state = model.to_arrays()
    columns = state["keys"].astype(int) - 1
    np.testing.assert_allclose(got, predictions, rtol=0, atol=1e-10)
    np.testing.assert_allclose(state["z"], z[columns], rtol=0, atol=1e-10)
    np.testing.assert_allclose(state["n"], n[columns], rtol=0, atol=1e-10)
    np.testing.assert_allclose(model.weights(), w[columns], rtol=0, atol=1e-10)
    np.testing.assert_array_equal(model.weights() == 0, w[columns] == 0)


@given(streams(), penalties)
def test_the_intercept_is_a_feature_that_is_always_1(stream, l1):
    X, y, importance = stream
    constant = np.column_stack([X, np.ones(len(X))])
    predictions, z, n, w = algorithm_1(constant, y, (0.1, 1, l1, 0), importance)
    model = ftrl(l1=l1)
    got, _ = model.learn(dense_rows(X, y, importance))
    np.testing.assert_allclose(got, predictions, rtol=0, atol=1e-10)
    np.testing.assert_allclose(model.to_arrays()["intercept"], [z[-1], n[-1]], atol=1e-10)
    assert model.intercept == pytest.approx(w[-1], abs=1e-10)


@pytest.mark.parametrize("golden", [WITHOUT_L1, WITH_L1], ids=["without L1", "with L1"])
def test_it_gives_the_golden_vectors(golden):
    parameters, predictions, z, n, w = golden
    model = ftrl(**parameters, fit_intercept=False)
    got, _ = model.learn(rows_of(*STREAM))
    state = model.to_arrays()
    np.testing.assert_allclose(got, predictions, atol=1e-10)
    np.testing.assert_allclose([state["z"], state["n"]], [z, n], atol=1e-10)
    np.testing.assert_allclose(model.weights(), w, atol=1e-10)
    assert model.intercept == 0 == state["intercept"].any()


def test_a_weight_goes_back_to_exactly_zero():
    labels = [1, 1, 1, 0, 0, 0, 0, 1, 0, 1, 0]
    model = ftrl(alpha=1, l1=0.5, fit_intercept=False)
    predictions, _ = model.learn(rows_of([{1: 1}] * 11, labels))
    expected = [0.5, 0.5, 0.5727, 0.6288, 0.5544, 0.5, 0.5, 0.4917, 0.5, 0.4928, 0.5]
    np.testing.assert_allclose(predictions, expected, atol=5e-5)
    assert predictions[5] == 0.5


@given(streams(), st.floats(0.01, 1))
def test_without_penalties_it_is_gradient_descent_with_the_rates_of_equation_2(stream, alpha):
    X, y, importance = stream
    w, squares = np.zeros(5), np.zeros(5)
    for x, label, times in zip(X, y, importance, strict=True):
        gradient = times * (1 / (1 + np.exp(-(x @ w))) - label) * x
        squares += gradient**2
        w -= alpha / (1 + np.sqrt(squares)) * gradient
    model = ftrl(alpha, fit_intercept=False)
    model.learn(dense_rows(X, y, importance))
    np.testing.assert_allclose(model.weights_of(np.arange(1, 6, dtype=np.uint64)), w, atol=1e-10)


def test_predictions_stay_inside_0_and_1_however_far_the_margin():
    model = ftrl(alpha=10)
    features = [{1: 1e3}, {1: 1e3}, {1: 1e3}]
    predictions, _ = model.learn(rows_of(features, [1, 1, 0]))
    assert predictions[-1] == 1 - 1e-15
    assert model.is_finite()


def test_gradients_whose_squares_vanish_leave_weights_finite():
    model = ftrl(beta=0.0)
    predictions, _ = model.learn(rows_of([{1: 1}] * 3, [1, 1, 0], [1e-200] * 3))
    assert predictions.tolist() == [0.5] * 3
    assert model.is_finite() and np.isfinite(model.weights()).all()


def test_a_number_too_large_to_square_is_noticed():
    model = ftrl()
    model.learn(rows_of([{1: 1e200}], [1]))
    assert not model.is_finite()
