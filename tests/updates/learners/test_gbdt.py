import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pytest

from tests.updates.learners.streams import SCHEMA, stream
from updates.learners.checks import checks_of
from updates.learners.gbdt import GBDT, probabilities
from updates.metrics import quality
from updates.samples.schema import LABEL, WEIGHT, SampleSchema

# Enough rows that trees split; the generic checks elsewhere see the learner without trees.
BATCHES = [stream(400), stream(60, seed=1), stream(1, seed=2), stream(200, seed=3)]


@pytest.fixture
def fitted():
    learner = GBDT(SCHEMA)
    learner.fit([stream(4000)])
    return learner


def saved(learner):
    """The saved files of a learner, by name."""
    with TemporaryDirectory() as folder:
        learner.save(Path(folder))
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def filled(batch, name, value):
    field = SCHEMA.arrow.field(name)
    column = pa.array(np.full(batch.num_rows, value), field.type)
    return batch.set_column(SCHEMA.arrow.names.index(name), field, column)


def normalized_entropy(learner, batch):
    return quality(batch.column(LABEL).to_numpy(), learner.predict(batch)).ne


@pytest.mark.parametrize("check", checks_of(GBDT), ids=lambda check: check.__name__)
def test_with_trees_it_keeps_a_learners_promises(check):
    check(lambda: GBDT(SCHEMA), BATCHES)


def test_it_knows_more_than_the_mean_label(fitted):
    assert fitted.trees.count == 100
    assert normalized_entropy(fitted, stream(2000, seed=1)) < 0.85


@pytest.mark.parametrize("num_threads", [1, 3])
def test_the_number_of_threads_does_not_show_in_the_bytes(fitted, num_threads):
    other = GBDT(SCHEMA, {"num_threads": num_threads})
    other.fit([stream(4000)])
    assert saved(other) == saved(fitted)

    for learner in (fitted, other):
        learner.learn(stream(3000, seed=1))
    assert saved(other) == saved(fitted)


def test_how_the_history_comes_in_batches_does_not_show_in_the_bytes(fitted):
    other, history = GBDT(SCHEMA), stream(4000)
    other.fit([history.slice(0, 1), history.slice(1, 2600), history.slice(2601)])

    assert saved(other) == saved(fitted)


def test_saved_and_loaded_it_saves_the_same_bytes(fitted, tmp_path):
    other = GBDT(SCHEMA)
    fitted.save(tmp_path)
    other.load(tmp_path)

    assert saved(other) == saved(fitted)


def test_a_folder_that_cannot_be_loaded_leaves_it_as_it_was(fitted, tmp_path):
    before = saved(fitted)
    GBDT(SCHEMA).save(tmp_path)
    (tmp_path / "base.json").unlink()

    with pytest.raises(FileNotFoundError):
        fitted.load(tmp_path)

    assert saved(fitted) == before


def test_learning_on_is_better_than_standing_still_while_tastes_turn(fitted):
    still = GBDT(SCHEMA)
    still.fit([stream(4000)])
    days = [stream(1000, seed=10 + day, turned=day / 20) for day in range(20)]

    learned = np.concatenate([fitted.learn(day).predictions for day in days])
    unmoved = np.concatenate([still.predict(day) for day in days])

    labels = np.concatenate([day.column(LABEL).to_numpy() for day in days])
    assert quality(labels, learned).ne < quality(labels, unmoved).ne - 0.05


def test_leaves_are_refitted_where_rates_cannot_help():
    """Prices, which have no rates, come to mean the opposite."""
    learners = [GBDT(SCHEMA, {"memory_samples": memory}) for memory in (5_000, 1_000_000_000)]
    for learner in learners:
        learner.fit([stream(4000)])
        for day in range(10):
            learner.learn(stream(1000, seed=10 + day, turned=1.0))

    refitted, unmoved = (
        normalized_entropy(learner, stream(2000, seed=30, turned=1.0)) for learner in learners
    )

    assert refitted < unmoved - 0.05


def test_learning_on_without_drift_costs_nothing(fitted):
    test = stream(4000, seed=99)
    before = normalized_entropy(fitted, test)
    for day in range(10):
        fitted.learn(stream(500, seed=10 + day))

    assert normalized_entropy(fitted, test) < before + 0.002
    assert fitted.trees.count == 100


def test_the_report_holds_what_was_predicted_before_learning(fitted):
    batch = stream(300, seed=1)
    before = fitted.predict(batch)

    assert np.array_equal(fitted.learn(batch).predictions, before)
    assert not np.array_equal(fitted.predict(batch), before)


@pytest.mark.parametrize(("label", "expected"), [(0.0, 1 / 402), (1.0, 401 / 402)])
def test_one_label_alone_gives_its_smoothed_rate(label, expected):
    learner = GBDT(SCHEMA)
    learner.fit([filled(stream(400), LABEL, label)])

    assert learner.trees is None
    np.testing.assert_allclose(learner.predict(stream(5, seed=1)), expected)


def test_trees_grow_from_the_first_batch_that_has_reasons_to_split():
    learner = GBDT(SCHEMA)
    learner.fit([filled(stream(400), LABEL, 0.0)])
    learner.learn(stream(10, seed=1))
    assert learner.trees is None

    learner.learn(stream(4000, seed=2))

    assert normalized_entropy(learner, stream(2000, seed=3)) < 0.9


def test_samples_of_no_weight_teach_the_trees_nothing(fitted):
    trees = fitted.trees.text
    fitted.learn(filled(stream(400, seed=1), WEIGHT, 0.0))
    unfit = GBDT(SCHEMA)
    unfit.fit([filled(stream(400), WEIGHT, 0.0)])

    assert fitted.trees.text == trees
    np.testing.assert_array_equal(unfit.predict(stream(2)), [0.5, 0.5])


def test_nothing_fitted_predicts_one_half():
    learner = GBDT(SCHEMA)
    report = learner.fit([])

    assert report.samples == 0
    np.testing.assert_array_equal(learner.predict(stream(2)), [0.5, 0.5])


def test_a_table_is_a_batch_too(fitted):
    other, batches = GBDT(SCHEMA), [stream(300, seed=1), stream(200, seed=2)]
    other.fit([pa.Table.from_batches([stream(4000)])])

    other.learn(pa.Table.from_batches(batches))
    fitted.learn(pa.concat_batches(batches))

    assert saved(other) == saved(fitted)


def test_numbers_alone_make_a_schema():
    learner = GBDT(SampleSchema(numeric=("price",)))
    learner.fit([stream(4000)])

    assert learner.trees is not None
    assert learner.sparsity().non_zero > 0
    assert normalized_entropy(learner, stream(2000, seed=1)) < 0.99


def test_sparsity_counts_rates_and_leaves(fitted):
    sparsity, leaves = fitted.sparsity(), fitted.trees.leaf_values

    # 40 users, 30 items, 6 tags or none, and each user with each of these 7.
    assert sparsity.seen == sparsity.admitted == 40 + 30 + 7 + 280 + len(leaves)
    assert sparsity.non_zero == sparsity.seen - np.count_nonzero(leaves == 0)
    tiny = np.count_nonzero((leaves != 0) & (np.abs(leaves) < 1e-3))
    assert sparsity.tiny_share == tiny / sparsity.non_zero > 0


def test_no_score_overflows():
    scores = np.array([-1e4, -1.0, 0.0, 1.0, 1e4])

    expected = [0.0, 1 / (1 + np.e), 0.5, np.e / (1 + np.e), 1.0]
    np.testing.assert_allclose(probabilities(scores), expected)


FORK = """
import os, sys
from tests.updates.learners.streams import SCHEMA, stream
from updates.learners import registry

learner = registry.get("gbdt")(SCHEMA)
if os.fork():
    sys.exit(os.waitstatus_to_exitcode(os.wait()[1]))
learner.fit([stream(4000)])
"""


def test_a_forked_worker_can_train():
    """A parent that used OpenMP would leave its children waiting for threads they do not have."""
    subprocess.run([sys.executable, "-c", FORK], check=True, timeout=120)


def test_who_only_reads_its_options_does_not_load_lightgbm():
    code = "import sys, updates.learners.gbdt; sys.exit('lightgbm' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
