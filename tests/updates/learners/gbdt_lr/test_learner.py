import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from tests.updates.learners.streams import SCHEMA, stream
from updates.learners.checks import checks_of
from updates.learners.gbdt_lr.learner import GBDTLR
from updates.learners.gbdt_lr.space import SpaceMismatch
from updates.learners.sparse.linear import ServingFormNeeded, ServingOnlyError
from updates.metrics import quality
from updates.samples.schema import LABEL

HISTORY, LATER = stream(3000), stream(1000, seed=1)
BATCHES = [stream(200, seed=2), stream(1, seed=3), stream(60, seed=4)]
BOTH = [{}, {"raw_features": False}]


def fitted(options=None):
    learner = GBDTLR(SCHEMA, {"num_trees": 20, **(options or {})})
    learner.fit([HISTORY])
    return learner


def saved(learner):
    """The saved files of a learner, by name."""
    with TemporaryDirectory() as folder:
        learner.save(Path(folder))
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def serving_of(learner):
    """What serves the learner as it is now."""
    serving = GBDTLR(SCHEMA, learner.settings)
    with TemporaryDirectory() as folder:
        learner.save(Path(folder))
        serving.load_serving(Path(folder))
    return serving


def normalized_entropy(predictions, batch):
    return quality(batch.column(LABEL).to_numpy(), predictions).ne


@pytest.mark.parametrize("options", BOTH, ids=["leaves and features", "leaves"])
@pytest.mark.parametrize("check", checks_of(GBDTLR), ids=lambda check: check.__name__)
def test_with_trees_it_keeps_a_learners_promises(check, options):
    # The checks elsewhere see it before the first fit, without trees.
    check(lambda: fitted(options), BATCHES)


@pytest.mark.parametrize("options", BOTH, ids=["leaves and features", "leaves"])
def test_it_knows_more_than_the_mean_label_and_goes_on_learning(options):
    learner = fitted(options)
    assert learner.trees == 20
    assert normalized_entropy(learner.learn(LATER).predictions, LATER) < 0.85


def test_what_has_changed_since_the_trees_grew_is_learned():
    learner, turned = fitted({"raw_features": False}), stream(4000, seed=5, turned=1.0)
    before = normalized_entropy(learner.predict(turned), turned)
    learner.learn(turned)
    after = stream(1000, seed=6, turned=1.0)
    assert normalized_entropy(learner.predict(after), after) < before - 0.2


def test_learning_leaves_the_trees_alone():
    learner = fitted()
    before = saved(learner)
    learner.learn(LATER)
    after = saved(learner)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"rates.safetensors", "lr.safetensors", "weights.safetensors"}


@pytest.mark.parametrize("options", BOTH, ids=["leaves and features", "leaves"])
def test_fit_is_a_tree_update_and_then_an_lr_of_its_leaves(options):
    stepwise = GBDTLR(SCHEMA, {"num_trees": 20, **options})
    stepwise.fit_trees([HISTORY])
    stepwise.fit_lr([HISTORY.slice(0, 700), HISTORY.slice(700)])
    assert saved(stepwise) == saved(fitted(options))


def test_the_lr_is_renewed_on_the_trees_there_are():
    learner = fitted()
    space, trees = learner.space_id, saved(learner)["trees.txt"]
    learner.learn(LATER)
    report = learner.fit_lr([HISTORY])

    assert (learner.space_id, report.samples) == (space, 3000)
    assert saved(learner)["trees.txt"] == trees
    assert saved(learner) == saved(fitted())


def test_new_trees_are_a_new_space_in_which_no_old_weight_counts():
    learner = fitted()
    space = learner.space_id
    learner.fit_trees([LATER])

    assert learner.space_id != space
    assert learner.weights().num_rows == 0
    assert np.ptp(learner.predict(LATER)) == 0.0


def test_equal_trees_are_the_same_space():
    assert fitted().space_id == fitted({"raw_features": False}).space_id


def test_an_lr_is_not_loaded_with_other_trees(tmp_path):
    learner, other = fitted(), GBDTLR(SCHEMA)
    learner.save(tmp_path)
    other.fit([LATER])
    (tmp_path / "trees.txt").write_bytes(saved(other)["trees.txt"])

    before = saved(learner)
    for load in (learner.load, learner.load_serving):
        with pytest.raises(SpaceMismatch, match=f"trees {fitted().space_id}, not of"):
            load(tmp_path)
    assert saved(learner) == before


@pytest.mark.parametrize("options", BOTH, ids=["leaves and features", "leaves"])
def test_deltas_bring_a_serving_form_to_the_same_bits(options):
    learner = fitted(options)
    serving = serving_of(learner)
    learner.track()
    for batch in BATCHES:
        learner.learn(batch)
        serving.apply(learner.delta())
        assert np.array_equal(serving.predict(LATER), learner.predict(LATER))
    empty = learner.delta()
    serving.apply(empty)
    assert np.array_equal(serving.predict(LATER), learner.predict(LATER))


def test_a_delta_overlaps_with_a_form_that_was_saved_meanwhile():
    learner = fitted()
    learner.track()
    learner.learn(BATCHES[0])
    serving = serving_of(learner)
    learner.learn(BATCHES[2])
    serving.apply(learner.delta())
    assert np.array_equal(serving.predict(LATER), learner.predict(LATER))


def test_a_delta_of_other_trees_is_refused_and_changes_nothing():
    learner, other = fitted(), fitted({"num_trees": 5})
    serving = serving_of(learner)
    before = serving.predict(LATER)
    other.track()
    other.learn(LATER)
    with pytest.raises(SpaceMismatch):
        serving.apply(other.delta())
    assert np.array_equal(serving.predict(LATER), before)


def test_a_snapshot_stays_while_learning_goes_on():
    learner = fitted()
    before, snapshot = saved(learner), learner.snapshot()
    learner.learn(LATER)
    assert saved(snapshot) == before
    snapshot.learn(LATER)
    assert saved(snapshot) == saved(learner)


def test_the_serving_form_cannot_learn_and_the_whole_takes_no_delta():
    learner = fitted()
    learner.track()
    serving = serving_of(learner)
    with pytest.raises(ServingOnlyError):
        serving.learn(LATER)
    assert np.array_equal(serving.predict(LATER), learner.predict(LATER))
    with pytest.raises(ServingFormNeeded):
        learner.apply(learner.delta())


def test_rows_are_scored_one_by_one_as_in_a_batch():
    learner = fitted()
    alone = [learner.predict(LATER.slice(i, 1))[0] for i in range(50)]
    assert np.array_equal(alone, learner.predict(LATER.slice(0, 50)))


def test_the_number_of_threads_does_not_show_in_the_bytes():
    assert saved(fitted({"num_threads": 1})) == saved(fitted({"num_threads": 3}))


def test_rows_without_weight_make_no_trees():
    learner = GBDTLR(SCHEMA)
    weights = SCHEMA.arrow.get_field_index("weight")
    nothing = np.zeros(HISTORY.num_rows, np.float32)
    learner.fit([HISTORY.set_column(weights, SCHEMA.arrow.field(weights), nothing)])
    assert learner.trees == 0
    assert learner.is_finite()


def test_before_the_first_trees_it_learns_the_features():
    learner = GBDTLR(SCHEMA)
    learner.learn(HISTORY)
    assert learner.trees == 0
    assert normalized_entropy(learner.predict(LATER), LATER) < 0.95


def test_explanations_name_leaves_by_their_paths_and_features_by_their_values():
    learner = fitted()
    weights = learner.weights()
    rows = weights.to_pylist()
    magnitudes = np.abs(weights.column("weight").to_numpy())
    assert (np.diff(magnitudes) <= 0).all()
    leaves = [row for row in rows if row["field"].startswith("tree ")]
    assert {row["field"] for row in leaves} == {f"tree {i}" for i in range(1, 21)}
    assert any("rate of user ≤" in row["value"] for row in leaves)
    assert any("price >" in row["value"] for row in leaves)
    named = {(row["field"], row["value"]) for row in rows}
    assert {("user", "u1"), ("item", "i1"), ("price", "")} <= named


def test_weights_survive_saving(tmp_path):
    learner, other = fitted(), GBDTLR(SCHEMA)
    learner.save(tmp_path)
    other.load(tmp_path)
    assert other.weights().equals(learner.weights())


def test_what_is_saved_is_text_json_and_safetensors():
    learner = fitted()
    files = saved(learner)
    assert set(files) == {
        "trees.txt",
        "rates.safetensors",
        "lr.safetensors",
        "weights.safetensors",
        "space.json",
    }
    assert json.loads(files["space.json"]) == {"space_id": learner.space_id}


def test_serving_does_not_import_lightgbm(tmp_path):
    fitted().save(tmp_path)
    code = (
        "import sys; from pathlib import Path;"
        "from tests.updates.learners.streams import SCHEMA, stream;"
        "from updates.learners.gbdt_lr.learner import GBDTLR;"
        f"serving = GBDTLR(SCHEMA); serving.load_serving(Path({str(tmp_path)!r}));"
        "serving.predict(stream(3)); sys.exit('lightgbm' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
