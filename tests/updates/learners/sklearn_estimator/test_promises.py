"""Every estimator that is allowed by default keeps a learner's promises."""

import pytest

from tests.updates.learners.streams import SCHEMA, stream
from updates.learners.checks import check_learner
from updates.learners.sklearn_estimator.allowed import DEFAULT
from updates.learners.sklearn_estimator.learner import SklearnEstimator
from updates.samples.schema import SampleSchema

BATCHES = [stream(40), stream(1, seed=1), stream(20, seed=2)]
SMALL = {
    "ExtraTreesClassifier": {"parameters": {"n_estimators": 2}},
    "GradientBoostingClassifier": {"parameters": {"n_estimators": 2}, "features": "rates"},
    "HistGradientBoostingClassifier": {"parameters": {"max_iter": 2}, "features": "rates"},
    "RandomForestClassifier": {"parameters": {"n_estimators": 2}},
    "GaussianNB": {"features": "rates"},
    "MLPClassifier": {"parameters": {"hidden_layer_sizes": [3]}, "n_features": 32},
    "TruncatedSVD": {"parameters": {"n_components": 2}},
    "StandardScaler": {"parameters": {"with_mean": False}},
    "MinMaxScaler": {"features": "rates"},
}
# They count, and prices are below 0 too.
COUNTING = {"ComplementNB", "MultinomialNB"}
POSITIVE = SampleSchema(user="user", item="item", multivalued=("tags",))


def options_of(path):
    """Options that make it small: a transformer goes before plain SGD."""
    name = path.rpartition(".")[2]
    chosen = {"n_features": 256, **SMALL.get(name, {})}
    if name.endswith(("Classifier", "NB", "Perceptron", "Regression")):
        return {"estimator": path, **chosen}
    step = {"estimator": path, "parameters": chosen.pop("parameters", {})}
    return {"steps": [step], **chosen}


@pytest.mark.parametrize("path", DEFAULT, ids=lambda path: path.rpartition(".")[2])
def test_an_estimator_allowed_by_default_keeps_a_learner_s_promises(path):
    counts = path.rpartition(".")[2] in COUNTING
    check_learner(SklearnEstimator, POSITIVE if counts else SCHEMA, BATCHES, options_of(path))
