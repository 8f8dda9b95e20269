"""What it learns, and on which rows."""

import numpy as np
import pyarrow as pa
import pytest

from tests.updates.learners.streams import SCHEMA, stream
from updates.learners.sklearn_estimator.learner import SklearnEstimator
from updates.learners.sparse.linear import ServingOnlyError
from updates.metrics import quality
from updates.samples.schema import LABEL, WEIGHT

FOREST = {
    "estimator": "sklearn.ensemble.RandomForestClassifier",
    "parameters": {"n_estimators": 5},
    "n_features": 256,
}
BOOSTED = {
    "estimator": "sklearn.ensemble.HistGradientBoostingClassifier",
    "parameters": {"max_iter": 20},
    "features": "rates",
}
SCALED = {"steps": ["sklearn.preprocessing.MaxAbsScaler"], "n_features": 1024}


def fitted(options, *batches):
    learner = SklearnEstimator(SCHEMA, options)
    learner.fit(batches)
    return learner


def ne(learner, batch):
    return quality(batch.column(LABEL).to_numpy(), learner.predict(batch)).ne


def filled(batch, name, value):
    field = SCHEMA.arrow.field(name)
    column = pa.array(np.full(batch.num_rows, value), field.type)
    return batch.set_column(SCHEMA.arrow.names.index(name), field, column)


@pytest.mark.parametrize("options", [{}, SCALED, BOOSTED], ids=["sgd", "pipeline", "boosted"])
def test_it_knows_more_than_the_mean_label(options):
    assert ne(fitted(options, stream(3000)), stream(1000, seed=1)) < 0.9


def test_partial_fit_learns_on_while_tastes_turn():
    learner = fitted({"n_features": 1024}, stream(2000))
    turned = stream(1000, seed=5, turned=1.0)
    before = ne(learner, turned)
    for seed in range(6, 9):
        learner.learn(stream(1000, seed=seed, turned=1.0))
    assert ne(learner, turned) < before - 0.1


def test_a_fit_followed_by_more_samples_equals_one_fit_on_all_of_them():
    """What a full update does: fit, be judged, learn what judged it."""
    whole, parts = stream(300), (stream(300).slice(0, 200), stream(300).slice(200))
    learner = fitted(FOREST, parts[0])
    learner.learn(parts[1])
    assert np.array_equal(learner.predict(whole), fitted(FOREST, whole).predict(whole))


def test_what_is_fitted_anew_keeps_the_newest_samples_only():
    options = FOREST | {"window_samples": 100}
    long, short = fitted(options, stream(250)), fitted(options, stream(250).slice(150))
    assert np.array_equal(long.predict(stream(250)), short.predict(stream(250)))


def test_a_decision_function_becomes_a_probability():
    learner = fitted({"parameters": {"loss": "hinge"}, "n_features": 1024}, stream(2000))
    assert ne(learner, stream(1000, seed=1)) < 1.5
    predictions = learner.predict(stream(1000, seed=1))
    assert predictions.min() < 0.1
    assert predictions.max() > 0.9


@pytest.mark.parametrize("options", [{}, FOREST], ids=["sgd", "forest"])
def test_before_both_labels_are_known_it_predicts_the_smoothed_mean(options):
    learner = SklearnEstimator(SCHEMA, options)
    assert learner.predict(stream(2)).tolist() == [0.5, 0.5]
    learner.learn(filled(stream(8), LABEL, 1.0))
    assert learner.predict(stream(2)).tolist() == [0.9, 0.9]


@pytest.mark.parametrize("options", [{}, FOREST], ids=["sgd", "forest"])
def test_samples_of_no_weight_teach_nothing(options):
    learner, nothing = fitted(options, stream(200)), filled(stream(50, seed=1), WEIGHT, 0.0)
    before = learner.predict(stream(200))
    learner.learn(nothing)
    assert np.array_equal(learner.predict(stream(200)), before)


def test_weights_count_where_the_estimator_takes_them():
    batch, doubled = stream(300), filled(stream(300), WEIGHT, 5.0)
    assert not np.array_equal(fitted({}, batch).predict(batch), fitted({}, doubled).predict(batch))


def test_the_serving_form_does_not_learn(tmp_path):
    fitted(FOREST, stream(100)).save(tmp_path)
    serving = SklearnEstimator(SCHEMA, FOREST)
    (tmp_path / "rows.safetensors").unlink()
    serving.load_serving(tmp_path)
    with pytest.raises(ServingOnlyError):
        serving.learn(stream(10))
    with pytest.raises(ServingOnlyError):
        serving.save(tmp_path)


def test_sizes_are_those_of_its_numbers():
    sparsity = fitted({"n_features": 256}, stream(400)).sparsity()
    assert 256 <= sparsity.admitted < 300
    assert sparsity.deployed_bytes > 256 * 8
    few, many = (fitted(BOOSTED, stream(rows)).sparsity() for rows in (50, 400))
    assert few.admitted < many.admitted


def test_strategies_are_told_what_cannot_learn_on():
    assert SklearnEstimator.only_full({}) == ""
    assert SklearnEstimator.only_full(SCALED) == ""
    assert SklearnEstimator.only_full(FOREST) == "RandomForestClassifier without partial_fit"
    svd = {"steps": ["sklearn.decomposition.TruncatedSVD"], "n_features": 64}
    assert SklearnEstimator.only_full(svd) == "TruncatedSVD without partial_fit"
    assert SklearnEstimator.replays({})
    assert not SklearnEstimator.replays({"features": "rates"})
