"""What is learned: by whom, in which space, and however the samples come."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.updates.learners.streams import SCHEMA, stream
from updates.learners.factors import files
from updates.learners.factors.files import SpaceMismatch
from updates.learners.factors.learner import Factors
from updates.metrics import quality
from updates.samples.schema import SampleSchema, SchemaError

OPTIONS = {"dim": 4}


def taught(rows=200, **options):
    learner = Factors(SCHEMA, {**OPTIONS, **options})
    learner.learn(stream(rows))
    return learner


def saved(learner, folder):
    folder.mkdir()
    learner.save(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def rows(*samples):
    """(label, user, item[, weight]) each."""
    return pa.RecordBatch.from_pylist(
        [
            {"label": label, "event_time": i, "weight": rest[0] if rest else 1.0}
            | {"user": user, "item": item}
            for i, (label, user, item, *rest) in enumerate(samples)
        ],
        schema=SCHEMA.arrow,
    )


def item_vector(learner, item):
    vectors, biases = learner.item_vectors([item])
    return vectors[0], biases[0]


def probability(logit):
    return 1.0 / (1.0 + np.exp(-logit))


@given(cuts=st.lists(st.integers(0, 60), max_size=6), trained=st.sampled_from([0, 1, 2]))
@settings(max_examples=25, deadline=None)
def test_batches_may_be_cut_anywhere(tmp_path_factory, cuts, trained):
    whole, cut = taught(20), taught(20)
    for learner in (whole, cut):
        learner.train([["items"], ["users"], ["items", "users"]][trained])
    batch = stream(60, seed=1)
    predictions = []
    for start, stop in zip([0, *sorted(cuts)], [*sorted(cuts), 60], strict=True):
        predictions.append(cut.learn(batch.slice(start, stop - start)).predictions)
    assert np.array_equal(whole.learn(batch).predictions, np.concatenate(predictions))
    folder = tmp_path_factory.mktemp("cut")
    assert saved(whole, folder / "whole") == saved(cut, folder / "cut")


@pytest.mark.parametrize("begins_anew", [False, True])
@pytest.mark.parametrize(
    ("trained", "other"), [("items", files.USERS), ("users", files.ITEMS)], ids=["items", "users"]
)
def test_the_side_that_is_not_trained_stays_bit_for_bit(tmp_path, trained, other, begins_anew):
    learner = taught()
    before = saved(learner, tmp_path / "before")
    learner.train([trained])
    if begins_anew:
        learner.fit([stream(100, seed=1)])
    else:
        learner.learn(stream(100, seed=1))
    after = saved(learner, tmp_path / "after")
    assert after[other] == before[other]
    assert after[f"{trained}.safetensors"] != before[f"{trained}.safetensors"]


def test_it_learns_what_users_like():
    tastes = np.random.default_rng(5).normal(size=(2, 40, 2))
    rng = np.random.default_rng(6)
    users, items = rng.integers(0, 40, (2, 20_000))
    logits = 2.0 * (tastes[0, users] * tastes[1, items]).sum(axis=1)
    labels = rng.random(20_000) < probability(logits)
    samples = zip(labels, map(str, users), map(str, items), strict=True)
    batch = rows(*((float(label), user, item) for label, user, item in samples))
    report = Factors(SCHEMA, OPTIONS).fit([batch])
    late = slice(15_000, None)
    assert quality(labels[late], report.predictions[late], np.ones(5000)).ne < 0.85


def test_who_is_not_known_is_predicted_by_the_intercept_and_the_bias_of_the_other_side():
    learner = taught()
    (_, c), (_, b) = item_vector(learner, "i3"), learner.user_vector("u3")
    g = learner.intercept
    unknown = rows((0, "new", "new"), (0, "new", "i3"), (0, "u3", "new"), (0, None, None))
    np.testing.assert_allclose(
        learner.predict(unknown),
        probability(np.array([g, g + float(c), g + float(b), g])),
        rtol=1e-12,
    )


def test_a_null_user_or_item_leaves_the_other_side_to_learn():
    learner = taught()
    sizes, bias = (learner.users.size, learner.items.size), item_vector(learner, "i3")[1]
    learner.learn(rows((1, None, "i3"), (1, "u3", None), (1, None, None)))
    assert (learner.users.size, learner.items.size) == sizes
    assert item_vector(learner, "i3")[1] > bias


def test_where_an_item_begins_does_not_depend_on_what_came_before_it():
    first, later = Factors(SCHEMA, OPTIONS), taught()
    nothing = rows((0, "u", "brand new", 0.0))
    for learner in (first, later):
        learner.learn(nothing)
    begun = item_vector(first, "brand new")
    assert np.array_equal(begun[0], item_vector(later, "brand new")[0])
    other = Factors(SCHEMA, {**OPTIONS, "seed": 2})
    other.learn(nothing)
    assert not np.array_equal(begun[0], item_vector(other, "brand new")[0])
    assert np.ptp(begun[0]) > 0
    assert begun[1] == 0


def test_a_sample_of_no_weight_moves_nothing():
    learner = taught()
    before = learner.items.known.copy(), learner.users.known.copy(), learner.intercept
    learner.learn(rows((1, "u3", "i3", 0.0)))
    assert np.array_equal(learner.items.known, before[0])
    assert np.array_equal(learner.users.known, before[1])
    assert learner.intercept == before[2]


def test_heavy_samples_with_labels_that_alternate_do_not_blow_up():
    learner = Factors(SCHEMA, {**OPTIONS, "rate": 10.0})
    learner.learn(rows(*((i % 2, "u", "i", 1000.0) for i in range(500))))
    assert learner.is_finite()
    assert np.abs(learner.users.known).max() < 10


def test_each_fit_of_the_items_begins_a_space_and_learning_on_stays_in_it(tmp_path):
    learner = taught()
    begun = learner.space_id
    assert Factors(SCHEMA, OPTIONS).space_id == begun
    learner.fit([stream(50)])
    fitted = learner.space_id
    assert fitted != begun
    learner.learn(stream(50, seed=1))
    learner.train(["users"])
    learner.fit([stream(60)])
    assert learner.space_ids() == {"items": fitted, "users": fitted}
    saved(learner, tmp_path / "saved")
    loaded = Factors(SCHEMA, OPTIONS)
    loaded.load(tmp_path / "saved")
    assert loaded.space_id == fitted
    loaded.train(["items"])
    loaded.fit([stream(60)])
    assert loaded.space_id not in {begun, fitted}


def test_users_of_other_items_are_refused(tmp_path):
    one, other = taught(), taught()
    one.fit([stream(50)])
    saved(one, tmp_path / "one")
    saved(other, tmp_path / "other")
    for name in (files.USERS, files.BOUND):
        (tmp_path / "one" / name).write_bytes((tmp_path / "other" / name).read_bytes())
    with pytest.raises(SpaceMismatch, match=f"belong to item space {other.space_id}"):
        Factors(SCHEMA, OPTIONS).load(tmp_path / "one")


def test_vectors_of_another_length_are_refused(tmp_path):
    saved(taught(), tmp_path / "saved")
    with pytest.raises(ValueError, match="vectors of 5 dimensions are needed, got 4"):
        Factors(SCHEMA, {"dim": 5}).load(tmp_path / "saved")


def test_a_snapshot_goes_its_own_way(tmp_path):
    learner = taught()
    snapshot = learner.snapshot()
    before = saved(learner, tmp_path / "before")
    learner.learn(stream(100, seed=1))
    assert saved(snapshot, tmp_path / "after") == before


@pytest.mark.parametrize(("schema", "missing"), [
    (SampleSchema(item="item"), "user"),
    (SampleSchema(user="user"), "item"),
])  # fmt: skip
def test_a_schema_without_users_or_items_is_refused(schema, missing):
    with pytest.raises(SchemaError, match=f"schema.{missing}: factors needs"):
        Factors(schema)


def test_coverage_is_the_share_of_users_and_items_that_were_known():
    learner = Factors(SCHEMA, OPTIONS)
    batch = rows((1, "u", "i"), (1, "u", "j"), (1, None, "j"))
    assert learner.learn(batch).coverage == pytest.approx(2 / 5)
    learner.train(["users"])
    assert learner.learn(rows((1, "v", "k"), (1, "v", "k"))).coverage == pytest.approx(1 / 4)
