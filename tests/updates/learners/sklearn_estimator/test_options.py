"""What may be named, and what is said of the rest."""

import pytest

from tests.updates.learners.streams import SCHEMA
from updates.learners.options import OptionError
from updates.learners.sklearn_estimator import allowed
from updates.learners.sklearn_estimator.learner import SklearnEstimator

SGD = "sklearn.linear_model.SGDClassifier"


@pytest.fixture
def allow(monkeypatch):
    """``allow(*entries)``: the list of an installation, for one test."""
    monkeypatch.setattr(allowed.ESTIMATORS, "listed", allowed.ESTIMATORS.listed)
    return lambda *entries: allowed.ESTIMATORS.allow(entries)


def test_settings_say_all_that_was_taken():
    settings = SklearnEstimator(SCHEMA).settings
    assert settings["parameters"] == {
        "random_state": 0,
        "loss": "log_loss",
        "learning_rate": "constant",
        "eta0": 0.05,
    }
    assert SklearnEstimator(SCHEMA, settings).settings == settings


def test_a_parameter_that_is_given_is_taken():
    given = {"loss": "hinge", "random_state": 7}
    settings = SklearnEstimator(SCHEMA, {"parameters": given}).settings
    assert given.items() <= settings["parameters"].items()


@pytest.mark.parametrize(
    ("options", "at_fault", "said"),
    [
        ({"estimator": "os.system"}, "estimator", "among RECADMIN_ESTIMATORS"),
        ({"estimator": "sklearn.svm.SVC"}, "estimator", "among RECADMIN_ESTIMATORS"),
        ({"estimator": ""}, "estimator", "among RECADMIN_ESTIMATORS"),
        ({"estimator": "sklearn.preprocessing.Normalizer"}, "estimator", "a classifier with"),
        ({"parameters": {"alfa": 1}}, "parameters", "unexpected keyword argument 'alfa'"),
        ({"parameters": {"alpha": -1}}, "parameters", "'alpha' parameter"),
        ({"parameters": {"n_jobs": 2}}, "parameters", "without n_jobs"),
        ({"parameters": {"random_state": None}}, "parameters", "a whole number as random_state"),
        ({"parameters": []}, "parameters", "a JSON object"),
        ({"steps": {}}, "steps", "a JSON list"),
        ({"steps": [3]}, "steps", 'a list of {"estimator"'),
        ({"steps": [{"parameters": {}}]}, "steps", 'a list of {"estimator"'),
        ({"steps": [SGD]}, "steps", "what transforms features"),
        ({"steps": ["builtins.eval"]}, "steps", "among RECADMIN_ESTIMATORS"),
        (
            {"estimator": "sklearn.ensemble.HistGradientBoostingClassifier"},
            "features",
            "rates: HistGradientBoostingClassifier takes no sparse matrix",
        ),
    ],
)
def test_what_is_not_allowed_is_named_with_what_is(options, at_fault, said):
    with pytest.raises(OptionError) as caught:
        SklearnEstimator(SCHEMA, options)
    assert caught.value.option == at_fault
    assert said in str(caught.value)


def test_an_installation_s_list_takes_the_place_of_the_default(allow):
    allow("sklearn.neighbors.")
    with pytest.raises(OptionError, match="among RECADMIN_ESTIMATORS"):
        SklearnEstimator(SCHEMA)
    SklearnEstimator(SCHEMA, {"estimator": "sklearn.neighbors.KNeighborsClassifier"})


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("no_such_package.Classifier", "a class that can be imported"),
        ("sklearn.linear_model.NoSuchClass", "a class that can be imported"),
        ("sklearn.base.clone", "a class of estimators"),
        ("sklearn.linear_model.LinearRegression", "a classifier with predict_proba"),
        ("sklearn.linear_model.SGDOneClassSVM", "a classifier with predict_proba"),
        ("sklearn.neighbors.NearestCentroid", None),
    ],
)
def test_what_is_allowed_and_is_no_classifier_is_refused_too(allow, path, said):
    allow(path)
    if said is None:
        SklearnEstimator(SCHEMA, {"estimator": path})
        return
    with pytest.raises(OptionError, match=said):
        SklearnEstimator(SCHEMA, {"estimator": path})
