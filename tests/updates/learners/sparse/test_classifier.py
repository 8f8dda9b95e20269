import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV
from sklearn.utils.estimator_checks import parametrize_with_checks

from tests.updates.learners.sparse import paper
from tests.updates.learners.sparse.paper import algorithm_1
from updates.learners import (
    FOBOSClassifier,
    FTRLClassifier,
    RDAClassifier,
    TruncatedGradientClassifier,
)
from updates.learners.sparse import classifier as module

X, Y = make_classification(300, 8, random_state=0)
CLASSIFIERS = [FTRLClassifier, RDAClassifier, FOBOSClassifier, TruncatedGradientClassifier]
OF_TIME = CLASSIFIERS[1:]


@parametrize_with_checks(
    [
        FTRLClassifier(),
        FTRLClassifier(l1=0.0, fit_intercept=False),
        *(classifier() for classifier in OF_TIME),
        *(classifier(rate="per_coordinate") for classifier in OF_TIME),
    ]
)
def test_it_is_a_scikit_learn_classifier(estimator, check):
    check(estimator)


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.7]))
def test_it_equals_algorithm_1_of_the_paper(seed, l1):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(50, 6)) * (rng.random((50, 6)) < 0.4)
    y, importance = rng.integers(0, 2, 50), rng.random(50)
    classifier = FTRLClassifier(0.3, 0.5, l1, 0.1)
    classifier.partial_fit(X, y, classes=[0, 1], sample_weight=importance)
    constant = np.column_stack([X, np.ones(50)])
    *_, w = algorithm_1(constant, y, (0.3, 0.5, l1, 0.1), importance)
    learned = np.append(classifier.coef_, classifier.intercept_)
    np.testing.assert_allclose(learned, w, rtol=0, atol=1e-10)
    np.testing.assert_array_equal(learned == 0, w == 0)


@pytest.mark.parametrize(
    ("kind", "parameters", "dense"),
    [
        (RDAClassifier, {"gamma": 2.0, "l1": 0.01, "rho": 0.01}, paper.rda),
        (FOBOSClassifier, {"eta": 0.5, "l1": 0.02}, paper.fobos),
        (
            TruncatedGradientClassifier,
            {"eta": 0.5, "gravity": 0.02, "theta": 0.3, "period": 3},
            paper.truncated_gradient,
        ),
        (
            FOBOSClassifier,
            {"eta": 0.5, "l1": 0.02, "delta": 0.5, "rate": "per_coordinate"},
            paper.fobos,
        ),
    ],
)
def test_it_equals_its_paper(kind, parameters, dense):
    importance = np.linspace(0, 2, 300)
    classifier = kind(**parameters).partial_fit(X, Y, sample_weight=importance)
    constant = np.column_stack([X, np.ones(300)])
    numbers = {name: value for name, value in parameters.items() if name != "rate"}
    _, w = dense(constant, Y, importance, **numbers)
    learned = np.append(classifier.coef_, classifier.intercept_)
    np.testing.assert_allclose(learned, w, rtol=0, atol=1e-10)


def test_their_examples_give_what_they_say():
    assert doctest.testmod(module) == (0, 9)


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_its_defaults_are_those_of_the_learner_options(kind):
    defaults = {option.name: option.default for option in kind._forms[0].options}
    assert kind().get_params() == defaults | {"fit_intercept": True}


@pytest.mark.parametrize("kind", OF_TIME)
def test_a_rate_there_is_not_is_refused(kind):
    with pytest.raises(ValueError, match="rate: must be one of global, per_coordinate, got 'own'"):
        kind(rate="own").fit(X, Y)


def test_a_period_is_a_whole_number_of_any_kind():
    plain = TruncatedGradientClassifier(period=3).fit(X, Y)
    assert np.array_equal(
        TruncatedGradientClassifier(period=np.int64(3)).fit(X, Y).coef_, plain.coef_
    )
    with pytest.raises(ValueError, match=r"period: must be a whole number from 1 .*, got 2.5"):
        TruncatedGradientClassifier(period=2.5).fit(X, Y)


@pytest.mark.parametrize("kind", CLASSIFIERS)
def test_rows_in_several_calls_are_learned_as_in_one(kind):
    classifier = kind()
    for rows in np.split(np.arange(300), [1, 7, 250]):
        classifier.partial_fit(X[rows], Y[rows], classes=[0, 1])
    assert np.array_equal(classifier.coef_, kind().fit(X, Y).coef_)


def test_sparse_and_dense_rows_learn_the_same():
    scattered = np.where(np.abs(X) > 0.5, X, 0)
    dense = FTRLClassifier().fit(scattered, Y)
    csr = FTRLClassifier().fit(sparse.csr_matrix(scattered), Y)
    assert np.array_equal(dense.coef_, csr.coef_)


def test_a_stored_zero_and_a_repeated_entry_are_read_as_their_sum():
    stored = sparse.csr_array(([0.0, 1.0, 2.0], [0, 1, 1], [0, 3, 3]), shape=(2, 2))
    plain = np.array([[0.0, 3.0], [0.0, 0.0]])
    a = FTRLClassifier(l1=0.0).fit(stored, [1, 0])
    assert np.array_equal(a.coef_, FTRLClassifier(l1=0.0).fit(plain, [1, 0]).coef_)
    assert stored.nnz == 3


def test_fitting_again_forgets():
    classifier = FTRLClassifier().fit(-X, Y).fit(X, Y)
    assert np.array_equal(classifier.coef_, FTRLClassifier().fit(X, Y).coef_)


def test_more_l1_leaves_fewer_weights():
    counts = [np.count_nonzero(FTRLClassifier(l1=l1).fit(X, Y).coef_) for l1 in (0, 5, 1000)]
    assert counts[0] == 8 > counts[1] > counts[2] == 0


def test_it_can_be_tuned():
    search = GridSearchCV(FTRLClassifier(), {"alpha": np.logspace(-3, 0, 4)}, cv=3).fit(X, Y)
    assert search.best_score_ > 0.8


@pytest.mark.parametrize("bad", [{"alpha": 0.0}, {"l1": -1.0}, {"l2": "much"}, {"beta": np.nan}])
def test_a_bad_parameter_is_named_with_its_range(bad):
    with pytest.raises(ValueError, match=rf"{next(iter(bad))}: must be a number from .* to .*got"):
        FTRLClassifier(**bad).fit(X, Y)


def test_the_classes_of_the_first_call_hold():
    classifier = clone(FTRLClassifier()).partial_fit(X, Y)
    with pytest.raises(ValueError, match="as before"):
        classifier.partial_fit(X, Y, classes=[1, 2])
    with pytest.raises(ValueError, match="must hold only"):
        classifier.partial_fit(X, Y + 1)


def test_negative_importance_weights_are_refused():
    with pytest.raises(ValueError, match="egative"):
        FTRLClassifier().partial_fit(X, Y, sample_weight=np.full(300, -1.0))
