"""What learns, what stays, and what is saved with what."""

import subprocess
import sys

import numpy as np
import pytest

from tests.updates.learners.streams import SCHEMA, stream
from updates.learners.options import OptionError
from updates.learners.wide_deep import files
from updates.learners.wide_deep.learner import WideDeep

OPTIONS = {"mini_batch": 16, "embedding_dim": 3, "hidden": "5,4", "embedding_rate": 0.2}
FILES = {
    "wide": {files.WIDE, "weights.safetensors"},
    "embeddings": {files.EMBEDDINGS, files.EMBEDDINGS_LEARNING},
    "upper": {files.UPPER, files.UPPER_LEARNING},
}
COMBINATIONS = [
    ["wide"],
    ["embeddings"],
    ["upper"],
    ["wide", "embeddings"],
    ["wide", "upper"],
    ["embeddings", "upper"],
    ["wide", "embeddings", "upper"],
]


def taught(rows=200, **options):
    learner = WideDeep(SCHEMA, {**OPTIONS, **options})
    learner.learn(stream(rows))
    return learner


def saved(learner, folder):
    folder.mkdir()
    learner.save(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("trained", COMBINATIONS, ids="+".join)
def test_what_is_trained_changes_and_the_rest_stays_bit_for_bit(trained, tmp_path):
    learner = taught()
    before = saved(learner, tmp_path / "before")
    learner.train(trained)
    learner.learn(stream(100, seed=1))
    after = saved(learner, tmp_path / "after")
    changed = {name for name in after if after[name] != before[name]}
    expected = set().union(*(FILES[name] for name in trained))
    assert changed - {files.PENDING, files.BOUND} == expected


@pytest.mark.parametrize("trained", COMBINATIONS, ids="+".join)
def test_each_row_is_predicted_by_what_was_learned_before_it(trained):
    learner, stepwise = taught(), taught()
    learner.train(trained)
    stepwise.train(trained)
    batch = stream(40, seed=1)
    reported = learner.learn(batch).predictions
    for i in range(40):
        row = batch.slice(i, 1)
        np.testing.assert_allclose(stepwise.predict(row), reported[i : i + 1], rtol=1e-9)
        stepwise.learn(row)


def test_fitting_some_components_begins_them_anew_on_the_others_as_they_are(tmp_path):
    learner, other = taught(), taught(seed=2)
    space = learner.space_id
    learner.train(["upper"])
    learner.fit([stream(100, seed=1)])
    assert learner.space_id == space
    assert learner.wide.model.table.size == taught().wide.model.table.size
    other.train(["wide", "embeddings", "upper"])
    other.fit([stream(100, seed=1)])
    fresh = WideDeep(SCHEMA, {**OPTIONS, "seed": 2})
    fresh.fit([stream(100, seed=1)])
    assert saved(other, tmp_path / "other") == saved(fresh, tmp_path / "fresh")


def test_a_component_that_is_none_is_refused_with_those_that_are():
    for names in (["lower"], [], ["wide", "trees"]):
        with pytest.raises(ValueError, match="components must be among wide, embeddings, upper"):
            taught(0).train(names)


def test_the_space_changes_with_the_vectors_and_with_nothing_else():
    learner = taught()
    space = learner.space_id
    learner.train(["wide", "upper"])
    learner.learn(stream(100, seed=1))
    assert learner.space_id == space
    learner.train(["embeddings"])
    learner.learn(stream(100, seed=2))
    assert learner.space_id != space


def test_a_network_with_embeddings_of_another_version_is_refused(tmp_path):
    mixed, other = tmp_path / "mixed", tmp_path / "other"
    saved(taught(), mixed)
    saved(taught(300), other)
    (mixed / files.EMBEDDINGS).write_bytes((other / files.EMBEDDINGS).read_bytes())
    for load in (taught(0).load, taught(0).load_serving):
        with pytest.raises(files.SpaceMismatch, match="belongs to embedding space"):
            load(mixed)


def test_it_has_no_correction_of_fake_negatives_to_be_asked_for():
    with pytest.raises(OptionError, match="delayed_feedback: must be one of the options"):
        WideDeep(SCHEMA, {"delayed_feedback": "fake_negative_weighted"})


@pytest.mark.parametrize("option", [{"embedding_dim": 4}, {"hidden": "5"}])
def test_a_state_of_other_sizes_is_refused(option, tmp_path):
    saved(taught(), tmp_path / "saved")
    with pytest.raises(ValueError, match="needed, got"):
        WideDeep(SCHEMA, {**OPTIONS, **option}).load(tmp_path / "saved")


def test_a_state_of_longer_mini_batches_is_learned_on(tmp_path):
    saved(taught(mini_batch=64), tmp_path / "saved")  # 8 rows wait
    learner = taught(0, mini_batch=4)
    learner.load(tmp_path / "saved")
    before = learner.upper.weights
    learner.learn(stream(1, seed=1))
    assert not np.array_equal(learner.upper.weights, before)
    learner.learn(stream(50, seed=2))
    assert learner.is_finite()


def test_the_optimiser_goes_on_where_its_component_was_saved(tmp_path):
    learner, loaded = taught(), taught(0)
    saved(learner, tmp_path / "saved")
    loaded.load(tmp_path / "saved")
    count, first, second = loaded.upper.optimiser
    assert count == 200 // 16
    assert np.any(first) and np.any(second)
    for one in (learner, loaded):
        one.train(["upper"])
        one.learn(stream(50, seed=1))
    assert saved(learner, tmp_path / "a") == saved(loaded, tmp_path / "b")


def test_serving_imports_no_jax(tmp_path):
    saved(taught(), tmp_path / "saved")
    script = f"""
import sys
from pathlib import Path
from tests.updates.learners.streams import SCHEMA, stream
from updates.learners import registry
learner = registry.get("wide_deep")(SCHEMA, {OPTIONS!r})
learner.load_serving(Path({str(tmp_path / "saved")!r}))
assert len(learner.predict(stream(5))) == 5
assert not {{"jax", "optax"}} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", script], check=True)
