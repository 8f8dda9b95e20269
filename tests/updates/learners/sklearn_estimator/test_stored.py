"""Models as files: the same for the same model, and no door for code."""

import io
import json
import zipfile

import numpy as np
import pytest
import skops.io
from sklearn.preprocessing import FunctionTransformer
from sklearn.tree import DecisionTreeClassifier

from tests.updates.learners.streams import SCHEMA, stream
from updates.learners.sklearn_estimator import allowed, stored
from updates.learners.sklearn_estimator.learner import SklearnEstimator
from updates.learners.sklearn_estimator.stored import NotStorable, dumps, loads

TREE = "sklearn.tree._classes.DecisionTreeClassifier"


def tree(seed=0):
    random = np.random.default_rng(seed)
    X = random.normal(size=(60, 3))
    return DecisionTreeClassifier(random_state=0).fit(X, (X[:, 0] > 0).astype(int))


def changed(content, change):
    """The stored model, its description having gone through ``change``."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(files["schema.json"])
    change(schema)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w") as archive:
        for name, data in {**files, "schema.json": json.dumps(schema)}.items():
            archive.writestr(name, data)
    return written.getvalue()


def test_equal_models_are_equal_bytes_and_skops_ones_are_not():
    assert skops.io.dumps([tree()]) != skops.io.dumps([tree()])
    assert dumps([tree()]) == dumps([tree()])
    assert dumps([tree()]) != dumps([tree(seed=1)])


def test_what_was_loaded_is_stored_as_it_was():
    content = dumps([tree()])
    assert dumps(loads(content, [TREE])) == content


def test_of_equal_arrays_one_is_kept():
    with zipfile.ZipFile(io.BytesIO(dumps([tree(), tree()]))) as archive:
        names = archive.namelist()
    assert len(names) == len(set(names))
    with zipfile.ZipFile(io.BytesIO(dumps([tree()]))) as archive:
        assert len(archive.namelist()) == len(names)


@pytest.mark.parametrize(
    ("module", "name", "loader"),
    [
        ("posix", "system", "FunctionNode"),
        ("builtins", "eval", "TypeNode"),
        ("subprocess", "Popen", "ObjectNode"),
        ("numpy", "add", "FunctionNode"),
        ("operator", "methodcaller", "OperatorFuncNode"),
        ("functools", "partial", "PartialNode"),
        ("sklearn.svm._classes", "SVC", "ObjectNode"),
        ("sklearn.tree._classes", "DecisionTreeClassifier", "MethodNode"),
        ("sklearn.pipeline", "Pipeline", "ObjectNode"),
    ],
)
def test_a_file_that_names_anything_else_is_refused_before_anything_is_built(
    monkeypatch, module, name, loader
):
    def plant(schema):
        first = schema["content"][0]
        first.update(__module__=module, __class__=name, __loader__=loader)

    monkeypatch.setattr(skops.io, "loads", lambda *_, **__: pytest.fail("it was built"))
    with pytest.raises(NotStorable, match="a model may hold no"):
        loads(changed(dumps([tree()]), plant), [TREE])


def test_a_step_that_holds_a_function_cannot_be_stored():
    with pytest.raises(NotStorable, match="may hold no numpy"):
        dumps([FunctionTransformer(np.log1p)])


def test_an_estimator_is_loaded_only_while_it_is_allowed(tmp_path, monkeypatch):
    learner = SklearnEstimator(SCHEMA, {"n_features": 64})
    learner.learn(stream(20))
    learner.save(tmp_path)
    monkeypatch.setattr(allowed.ESTIMATORS, "listed", ("sklearn.naive_bayes.BernoulliNB",))
    with pytest.raises(ValueError, match="RECADMIN_ESTIMATORS"):
        SklearnEstimator(SCHEMA, learner.settings)
    with pytest.raises(NotStorable, match="SGDClassifier: RECADMIN_ESTIMATORS does not list it"):
        loads((tmp_path / "model.skops").read_bytes(), [])


def test_a_model_of_another_estimator_is_refused_and_the_state_stays(tmp_path):
    other = SklearnEstimator(SCHEMA, {"n_features": 64})
    other.save(tmp_path)
    learner = SklearnEstimator(SCHEMA, {"estimator": "sklearn.naive_bayes.BernoulliNB"})
    learner.learn(stream(50))
    before = learner.predict(stream(10))
    with pytest.raises(NotStorable, match="SGDClassifier"):
        learner.load(tmp_path)
    assert np.array_equal(learner.predict(stream(10)), before)


class Part:
    """What an estimator of a team's own is made of."""


def test_parts_of_a_package_that_is_allowed_by_its_beginning_may_be_stored(monkeypatch):
    own = tree()
    own.part_ = Part()
    with pytest.raises(NotStorable, match="Part: RECADMIN_ESTIMATORS does not list it"):
        dumps([own])
    monkeypatch.setattr(allowed.ESTIMATORS, "listed", ("tests.",))
    assert isinstance(loads(dumps([own]), [TREE])[0].part_, Part)


def test_the_numbers_of_records_are_their_values():
    found = list(stored.numbers(dumps([tree()])))
    assert all(array.dtype.kind == "f" for array in found)
    assert sum(map(len, found)) > 0
