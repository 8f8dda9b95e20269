"""What the whole model learns, what new ids are read as, and what serving gets of it."""

import numpy as np
import pyarrow as pa
import pytest

from tests.updates.learners.streams import SCHEMA, stream
from updates.learners.sparse.linear import ServingFormNeeded, ServingOnlyError, SparseLinear
from updates.learners.wide_deep.learner import WideDeep
from updates.metrics import quality

OPTIONS = {"mini_batch": 32, "hidden": "16,8"}


def ne(learner, batch):
    labels = batch.column("label").to_numpy().astype(float)
    return quality(labels, learner.predict(batch)).ne


def with_new_users(batch):
    column = batch.schema.get_field_index("user")
    users = pa.array([f"new {i}" for i in range(batch.num_rows)])
    return batch.set_column(column, batch.schema.field(column), users)


def serving_of(learner, folder):
    folder.mkdir()
    learner.save(folder)
    serving = WideDeep(SCHEMA, OPTIONS)
    serving.load_serving(folder)
    return serving


def test_both_parts_together_learn_the_clicks():
    learner = WideDeep(SCHEMA, OPTIONS)
    learner.fit([stream(8_000)])
    assert ne(learner, stream(4_000, seed=1)) < 0.85


def test_the_deep_part_alone_learns_them_too():
    learner = WideDeep(SCHEMA, {**OPTIONS, "embedding_rate": 0.2, "upper_rate": 0.01})
    learner.train(["embeddings", "upper"])
    learner.fit([stream(8_000)])
    assert learner.sparsity().non_zero == learner.vectors.size
    assert ne(learner, stream(4_000, seed=1)) < 0.9


def test_the_wide_part_alone_is_the_linear_learner_beside_a_deep_part_that_says_nothing():
    learner, linear = WideDeep(SCHEMA, {"l1": 0.5}), SparseLinear(SCHEMA, {"l1": 0.5})
    learner.upper.weights = np.zeros_like(learner.upper.weights)
    learner.train(["wide"])
    batch = stream(500)
    np.testing.assert_array_equal(learner.learn(batch).predictions, linear.learn(batch).predictions)
    np.testing.assert_array_equal(learner.predict(batch), linear.predict(batch))


def test_new_ids_are_read_as_the_mean_of_their_field_and_counted():
    learner = WideDeep(SCHEMA, OPTIONS)
    assert learner.learn(stream(320)).coverage < 1.0
    learner.train(["wide", "upper"])
    known = learner.learn(stream(64, seed=1))
    assert known.coverage == 1.0
    report = learner.learn(with_new_users(stream(64, seed=2)))
    values = learner.coverage.looked_up - learner.coverage.known
    assert values == 64
    assert report.coverage == pytest.approx(1 - 64 / (2 * 64 + _tags(stream(64, seed=2))))
    learner.train(learner.components)
    learner.learn(stream(32, seed=3))
    assert learner.coverage.looked_up == 0


def _tags(batch):
    return sum(len(set(tags)) for tags in batch.column("tags").to_pylist())


def test_coverage_is_saved_with_the_model(tmp_path):
    learner = WideDeep(SCHEMA, OPTIONS)
    learner.learn(stream(320))
    learner.train(["upper"])
    learner.learn(with_new_users(stream(64, seed=1)))
    assert serving_of(learner, tmp_path / "saved").coverage == learner.coverage
    assert learner.coverage.share < 1.0


def test_deltas_bring_serving_to_the_same_bits(tmp_path):
    learner = WideDeep(SCHEMA, OPTIONS)
    learner.learn(stream(300))
    serving = serving_of(learner, tmp_path / "saved")
    learner.track()
    for seed in (1, 2, 3):
        learner.learn(stream(70, seed=seed))
        serving.apply(learner.delta())
        batch = with_new_users(stream(50, seed=seed))
        for rows in (batch, stream(200, seed=seed)):
            np.testing.assert_array_equal(serving.predict(rows), learner.predict(rows))
    assert serving.space_id == learner.space_id


def test_a_snapshot_stays_while_the_learner_goes_on(tmp_path):
    learner = WideDeep(SCHEMA, OPTIONS)
    learner.learn(stream(300))
    snapshot = learner.snapshot()
    before, space = snapshot.predict(stream(50)), snapshot.space_id
    learner.learn(stream(2_000, seed=1))
    assert np.array_equal(snapshot.predict(stream(50)), before)
    assert snapshot.space_id == space
    again = WideDeep(SCHEMA, OPTIONS)
    again.learn(stream(300))
    for name, one in (("snapshot", snapshot), ("again", again)):
        one.learn(stream(100, seed=2))
        serving_of(one, tmp_path / name)
    for path in (tmp_path / "snapshot").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes()


def test_the_serving_form_neither_learns_nor_saves(tmp_path):
    learner = WideDeep(SCHEMA, OPTIONS)
    serving = serving_of(learner, tmp_path / "saved")
    for work in (lambda: serving.learn(stream(5)), lambda: serving.save(tmp_path)):
        with pytest.raises(ServingOnlyError):
            work()
    with pytest.raises(ServingFormNeeded):
        learner.apply(b"")


def test_many_new_keys_make_room_for_themselves():
    learner = WideDeep(SCHEMA, OPTIONS)
    learner.learn(with_new_users(stream(3_200)))
    assert learner.vectors.size > 3_200
    assert learner.is_finite()


def test_what_served_before_and_after_a_delta_is_one_compiled_form(tmp_path):
    from updates.learners.wide_deep import upper, vectors

    learner = WideDeep(SCHEMA, OPTIONS)
    learner.learn(stream(100))
    serving = serving_of(learner, tmp_path / "saved")
    learner.track()
    learner.learn(stream(100, seed=1))
    serving.apply(learner.delta())
    serving.predict(stream(10))
    for kernel in (upper._logits, vectors._pooled, vectors._rows):
        assert len(kernel.signatures) == 1
