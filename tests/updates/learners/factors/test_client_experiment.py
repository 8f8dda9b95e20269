"""The experiment that says what a fresh vector is worth, at a tiny size."""

import numpy as np
import pyarrow as pa
import pytest

from tests.updates.learners.factors.rows import SCHEMA, rows, tastes
from updates.learners.experiments.client import Device, Record, measures, replay
from updates.learners.factors.learner import Factors
from updates.metrics import quality
from updates.samples.schema import EVENT_TIME

OPTIONS = {"dim": 3, "user_rate": 0.1}
EVERY = 100.0  # of the table's 300 seconds


@pytest.fixture(scope="module")
def table():
    """Interactions a second apart."""
    batch = tastes(300, items=100)
    times = pa.array(np.arange(300) * 1_000).cast(batch.schema.field(EVENT_TIME).type)
    at = batch.schema.get_field_index(EVENT_TIME)
    return pa.Table.from_batches([batch.set_column(at, batch.schema.field(at), times)])


@pytest.fixture
def server():
    server = Factors(SCHEMA, OPTIONS)
    server.fit([tastes(500)])
    return server


def same(one, other):
    return np.array_equal(one[0], other[0]) and one[1] == other[1]


def test_a_device_learns_what_the_server_would_have_learned_of_its_user(server):
    device = Device(server)
    for item, label in (("i1", 1.0), ("i2", 0.0), ("new", 1.0)):
        device.take("u1", item, label)
    assert (device.since["u1"], device.since["u2"]) == (3, 0)
    assert same(device.user("u2"), server.user("u2"))
    learned = server.snapshot()
    learned.train(["users"])
    learned.learn(rows(("u1", "i1", 1), ("u1", "i2", 0), ("u1", "new", 1)))
    assert same(device.user("u1"), learned.user("u1"))
    device.fetch()
    assert device.since["u1"] == 0
    assert same(device.user("u1"), server.user("u1"))


def test_of_bpr_a_device_learns_from_what_was_liked():
    server = Factors(SCHEMA, {**OPTIONS, "loss": "bpr"})
    server.fit([tastes(500)])
    device = Device(server)
    device.take("u1", "i1", 0.0)
    assert same(device.user("u1"), server.user("u1"))
    device.take("u1", "i1", 1.0)
    assert not same(device.user("u1"), server.user("u1"))
    assert device.user("u1")[1] == server.user("u1")[1]


def test_the_server_knows_what_came_before_its_last_update(table):
    record = replay(table, OPTIONS, EVERY)
    server = Factors(SCHEMA, OPTIONS)
    server.fit(table.slice(0, 240).to_batches())
    predicted = [server.predict(table.slice(240).to_batches()[0])]
    assert np.allclose(1 / (1 + np.exp(-record.logits[:, 0])), predicted[0], atol=1e-6)
    never = replay(table, OPTIONS, np.inf)
    assert np.array_equal(record.logits, never.logits)  # no hundred ends in the last sixty
    often = replay(table, OPTIONS, 30.0)
    server.learn(table.slice(240, 30).to_batches()[0])
    predicted = server.predict(table.slice(270).to_batches()[0])
    assert np.allclose(1 / (1 + np.exp(-often.logits[30:, 0])), predicted, atol=1e-6)
    assert np.array_equal(often.logits[:30], never.logits[:30])


def test_vectors_differ_only_where_the_user_has_been_there_since(table):
    record = replay(table, OPTIONS, EVERY)
    moved = record.logits[:, 0] != record.logits[:, 1]
    assert 0.1 < record.since.astype(bool).mean() < 1
    assert not moved[record.since == 0].any()
    assert moved[record.since > 0].mean() > 0.9


def test_a_bias_that_is_refreshed_alone_is_added_to_the_scores_of_all_items(table):
    bias, whole = (replay(table, OPTIONS, EVERY, vectors=vectors) for vectors in (False, True))
    assert np.array_equal(bias.hits[:, 0], bias.hits[:, 1])
    assert np.array_equal(bias.logits[:, 0], whole.logits[:, 0])
    assert not np.array_equal(bias.logits[:, 1], whole.logits[:, 1])


def test_measures_are_of_all_and_their_interval_is_of_users():
    random = np.random.default_rng(0)
    n = 4_000
    users, labels = random.integers(50, size=n), random.integers(2, size=n).astype(float)
    logits = np.column_stack([np.zeros(n), (labels - 0.5) * 0.2 + random.normal(0, 0.01, n)])
    hits = np.column_stack([random.random(n) < 0.2] * 2) * labels[:, np.newaxis]
    ne, hit_rate = measures(Record(users, labels, users, users, logits, hits))
    assert ne.server == pytest.approx(quality(labels, np.full(n, 0.5)).ne)
    assert ne.device == pytest.approx(quality(labels, 1 / (1 + np.exp(-logits[:, 1]))).ne)
    assert ne.least < ne.device - ne.server < ne.most < 0
    assert hit_rate.server == hit_rate.device == pytest.approx(0.2, abs=0.02)
    assert (hit_rate.least, hit_rate.most) == (0.0, 0.0)
