"""Each algorithm of time equals its paper's, in which every row moves every weight."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.updates.learners.sparse import paper
from tests.updates.learners.sparse.rows import dense_rows, rows_of, sparse_model
from updates.learners.sparse.algorithm import PER_COORDINATE
from updates.learners.sparse.fobos import FOBOS, FOBOS_PER_COORDINATE
from updates.learners.sparse.rda import RDA, RDA_PER_COORDINATE
from updates.learners.sparse.sgd import SGD, SGD_PER_COORDINATE
from updates.learners.sparse.truncated import TRUNCATED, TRUNCATED_PER_COORDINATE

PAPERS = [
    (RDA, paper.rda, {"gamma": 2.0, "l1": 0.02, "rho": 0.0}),
    (RDA, paper.rda, {"gamma": 0.5, "l1": 0.01, "rho": 0.05}),
    (RDA_PER_COORDINATE, paper.rda_per_coordinate, {"gamma": 2, "l1": 0.02, "rho": 0, "delta": 1}),
    (RDA_PER_COORDINATE, paper.rda_per_coordinate, {"gamma": 1, "l1": 0, "rho": 0.02, "delta": 0}),
    (FOBOS, paper.fobos, {"eta": 0.7, "l1": 0.03}),
    (FOBOS, paper.fobos, {"eta": 0.7, "l1": 0.0}),
    (FOBOS_PER_COORDINATE, paper.fobos, {"eta": 0.7, "l1": 0.01, "delta": 1.0}),
    (FOBOS_PER_COORDINATE, paper.fobos, {"eta": 0.3, "l1": 0.01, "delta": 0.0}),
    (
        TRUNCATED,
        paper.truncated_gradient,
        {"eta": 0.7, "gravity": 0.03, "theta": 0.3, "period": 3},
    ),
    (TRUNCATED, paper.truncated_gradient, {"eta": 1, "gravity": 0.01, "theta": 9, "period": 1}),
    (
        TRUNCATED_PER_COORDINATE,
        paper.truncated_gradient,
        {"eta": 0.7, "gravity": 0.01, "theta": 0.3, "period": 4, "delta": 1.0},
    ),
    (SGD, paper.descent, {"eta": 0.7}),
    (SGD_PER_COORDINATE, paper.descent, {"eta": 0.7, "delta": 1.0}),
]


def form(algorithm):
    return f"{algorithm.name}-{algorithm.rate}"


CASES = [pytest.param(*case, id=f"{form(case[0])}-{i}") for i, case in enumerate(PAPERS)]
ALGORITHMS = list({form(algorithm): algorithm for algorithm, *_ in PAPERS}.values())
# Computed apart, in double precision: p before each row, then w after the last one.
STREAM = (
    [{1: 1, 2: 1}, {1: 1, 3: 1}, {2: 1, 3: 0.5}, {1: 1}, {1: 1, 2: -1, 3: 2}, {2: 1}],
    [1, 0, 1, 1, 0, 1],
)
HALF = {"eta": 0.5}  # divided by the square root of the row's number
GOLDEN = [
    (
        FOBOS,
        HALF | {"l1": 0.1},
        [0.5, 0.5498339973, 0.5212682821, 0.5, 0.4449434536, 0.5808117989],
        [0, 0.3912608104, -0.1922855173],
    ),
    (
        RDA,
        {"gamma": 2.0, "l1": 0.05},
        [0.5, 0.5560138905, 0.5151974992, 0.5, 0.4521443338, 0.5659655694],
        [0, 0.3206752079, -0.1873658199],
    ),
    (
        RDA,
        {"gamma": 2.0, "l1": 0.05, "rho": 0.01},
        [0.5, 0.5535439032, 0.5140576352, 0.5, 0.4575628615, 0.5638681599],
        [0, 0.3124420660, -0.1789574036],
    ),
    (
        TRUNCATED,
        HALF | {"gravity": 0.1, "theta": 1.0, "period": 2},
        [0.5, 0.5621765009, 0.5287843772, 0.5, 0.4475964552, 0.5903477559],
        [0, 0.4081982504, -0.1693810042],
    ),
]


def random_stream(seed, rows=80, columns=7):
    """Columns from one in nearly every row to one in few; importances, some 0."""
    rng = np.random.default_rng(seed)
    present = rng.random((rows, columns)) < np.linspace(0.9, 0.05, columns)
    X = rng.normal(size=(rows, columns)) * present
    importance = rng.choice([0.0, 0.3, 1.0, 2.5], rows)
    return X, (rng.random(rows) < 0.5).astype(float), importance


@pytest.mark.parametrize(("algorithm", "dense", "parameters"), CASES)
@given(seed=st.integers(0, 2**32 - 1))
def test_it_equals_the_dense_algorithm_of_the_paper(algorithm, dense, parameters, seed):
    X, y, importance = random_stream(seed)
    predictions, w = dense(X, y, importance, **parameters)
    model = sparse_model(algorithm, **as_floats(parameters))
    got, _ = model.learn(dense_rows(X, y, importance))
    learned = model.weights_of(np.arange(1, X.shape[1] + 1, dtype=np.uint64))
    np.testing.assert_allclose(got, predictions, rtol=0, atol=1e-10)
    np.testing.assert_allclose(learned, w, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("algorithm", "dense", "parameters"), CASES)
def test_the_intercept_is_a_feature_that_is_always_1(algorithm, dense, parameters):
    X, y, importance = random_stream(1)
    constant = np.column_stack([X, np.ones(len(X))])
    predictions, w = dense(constant, y, importance, **parameters)
    model = sparse_model(algorithm, fit_intercept=True, **as_floats(parameters))
    got, _ = model.learn(dense_rows(X, y, importance))
    np.testing.assert_allclose(got, predictions, rtol=0, atol=1e-10)
    assert model.intercept == pytest.approx(w[-1], abs=1e-10)


@pytest.mark.parametrize(("algorithm", "parameters", "predictions", "w"), GOLDEN)
def test_it_gives_the_golden_vectors(algorithm, parameters, predictions, w):
    model = sparse_model(algorithm, **parameters)
    got, _ = model.learn(rows_of(*STREAM))
    np.testing.assert_allclose(got, predictions, rtol=0, atol=1e-10)
    np.testing.assert_allclose(model.weights(), w, rtol=0, atol=1e-10)


@pytest.mark.parametrize("algorithm", [RDA, FOBOS, FOBOS_PER_COORDINATE, TRUNCATED], ids=form)
def test_a_weight_that_is_never_seen_again_shrinks_to_exactly_zero_and_stays(algorithm):
    strength = "gravity" if algorithm is TRUNCATED else "l1"
    model = sparse_model(algorithm, **{strength: 0.05})
    model.learn(rows_of([{1: 1.0}] * 3, [1] * 3))
    sizes = [model.weights()[0]]
    for _ in range(60):
        model.learn(rows_of([{2: 1.0}] * 10, [0, 1] * 5))
        sizes.append(model.weights()[0])
    assert sizes[0] > 0 == sizes[-1]
    assert sizes == sorted(sizes, reverse=True)


def test_truncation_leaves_weights_beyond_theta_alone():
    model = sparse_model(TRUNCATED, eta=10, gravity=0.5, theta=1.0, period=1)
    model.learn(rows_of([{1: 1.0}], [1]))
    assert model.weights().tolist() == [5.0]
    model.learn(rows_of([{2: 1.0}] * 100, [0, 1] * 50))
    assert model.weights()[0] == 5.0


def test_truncating_every_row_without_a_theta_is_fobos():
    X, y, importance = random_stream(3)
    truncated = sparse_model(TRUNCATED, eta=0.5, gravity=0.02, theta=1e6, period=1)
    fobos = sparse_model(FOBOS, eta=0.5, l1=0.02)
    for model in (truncated, fobos):
        model.learn(dense_rows(X, y, importance))
    assert (truncated.weights() == fobos.weights()).all()


@pytest.mark.parametrize("algorithm", [FOBOS, RDA, TRUNCATED, FOBOS_PER_COORDINATE], ids=form)
def test_a_million_rows_between_two_touches_cost_no_precision(algorithm):
    strength = "gravity" if algorithm is TRUNCATED else "l1"
    model = sparse_model(algorithm, **{strength: 1e-7})
    model.learn(rows_of([{1: 1.0}], [1]))
    model.learn(rows_of([{}] * 1_000_000, [1] * 1_000_000))
    rows = np.arange(1, 1_000_002)
    expected = {
        "fobos-global": 0.15 - 1e-7 * np.sum(0.3 / np.sqrt(rows)),
        "fobos-per_coordinate": 0.3 / 1.5 * (0.5 - 1e-7 * len(rows)),
        "truncated-global": 0.15 - 1e-6 * np.sum(0.3 / np.sqrt(rows[9::10])),
        "rda-global": (0.5 - 1e-7 * len(rows)) / np.sqrt(len(rows)),
    }
    got = model.weights()[0]
    assert got == pytest.approx(expected[form(algorithm)], rel=1e-12)


@pytest.mark.parametrize("algorithm", ALGORITHMS, ids=form)
def test_gradients_whose_squares_vanish_leave_weights_finite(algorithm):
    undamped = {"delta": 0.0} if algorithm.rate == PER_COORDINATE else {}
    model = sparse_model(algorithm, **undamped)
    model.learn(rows_of([{1: 1}] * 3, [1, 1, 0], [1e-200] * 3))
    assert model.is_finite() and np.isfinite(model.weights()).all()


def as_floats(parameters):
    """Numbers in the types of the options."""
    return {name: value if name == "period" else float(value) for name, value in parameters.items()}
