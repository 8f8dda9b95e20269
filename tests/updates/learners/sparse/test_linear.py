import json

import numpy as np
import pyarrow as pa
import pytest
from safetensors import SafetensorError
from safetensors.numpy import load_file

from updates.learners.options import OptionError
from updates.learners.sparse.linear import CHUNK, ServingOnlyError, SparseLinear
from updates.samples.schema import SampleSchema

SCHEMA = SampleSchema(user="user", numeric=("price",), multivalued=("genres",))


@pytest.fixture
def batch(make_batch):
    rows = [
        {"label": i % 3 // 2, "user": f"u{i % 3}", "price": i / 50, "genres": ["new", f"g{i % 5}"]}
        for i in range(60)
    ]
    return make_batch(rows, SCHEMA)


@pytest.fixture
def learner():
    return SparseLinear(SCHEMA, {"l1": 0.1})


def test_it_learns_who_likes_what(learner, batch):
    learner.fit([batch] * 5)
    assert learner.predict(batch)[:3].round() == pytest.approx([0, 0, 1])


def test_weights_are_explained_by_name_the_largest_first(learner, batch):
    learner.learn(batch)
    weights = learner.weights().to_pylist()
    assert {"field": "user", "value": "u2"}.items() <= weights[0].items()
    assert weights[0]["weight"] > 0
    sizes = [abs(row["weight"]) for row in weights]
    assert sizes == sorted(sizes, reverse=True) and sizes[-1] > 0


def test_predictions_are_made_of_the_weights_shown(learner, batch, make_batch):
    learner.learn(batch)
    weights = {(row["field"], row["value"]): row["weight"] for row in learner.weights().to_pylist()}
    row = make_batch([{"user": "u1", "price": 0.5, "genres": ["g2", "unheard of"]}], SCHEMA)
    margin = learner.intercept + weights["user", "u1"]
    margin += 0.5 * weights.get(("price", ""), 0) + weights.get(("genres", "g2"), 0)
    assert learner.predict(row)[0] == pytest.approx(1 / (1 + np.exp(-margin)), abs=1e-12)


def test_unseen_values_leave_only_the_intercept(learner, batch, make_batch):
    learner.learn(batch)
    unseen = make_batch([{"user": "nobody", "genres": ["unheard of"]}, {}], SCHEMA)
    expected = 1 / (1 + np.exp(-learner.intercept))
    assert learner.intercept != 0
    assert learner.predict(unseen) == pytest.approx([expected, expected], abs=1e-12)


def test_a_sample_of_weight_0_teaches_nothing(learner, make_batch):
    learner.learn(make_batch([{"label": 1, "user": "u1", "weight": 0.0}], SCHEMA))
    assert learner.sparsity().non_zero == learner.intercept == 0


def test_serving_holds_the_non_zero_weights_only(batch, tmp_path):
    learner = SparseLinear(SCHEMA, {"l1": 2.0})
    learner.learn(batch)
    learner.save(tmp_path)
    saved, served = (load_file(tmp_path / f"{name}.safetensors") for name in ("state", "weights"))
    sparsity = learner.sparsity()
    assert len(served["keys"]) == sparsity.non_zero == learner.weights().num_rows
    assert 0 < sparsity.non_zero < sparsity.seen == len(saved["keys"])
    assert sparsity.deployed_bytes == served["keys"].nbytes + served["weights"].nbytes


def test_a_model_of_nothing_can_be_saved_served_and_continued(learner, batch, tmp_path):
    learner.save(tmp_path)
    serving = SparseLinear(SCHEMA)
    serving.load_serving(tmp_path)
    assert serving.predict(batch).tolist() == [0.5] * 60
    serving.load(tmp_path)
    assert serving.learn(batch).samples == 60


def test_what_only_serves_cannot_learn_or_be_saved(learner, tmp_path, batch):
    learner.save(tmp_path)
    learner.load_serving(tmp_path)
    for work in (learner.sparsity, lambda: learner.learn(batch), lambda: learner.save(tmp_path)):
        with pytest.raises(ServingOnlyError, match="only the serving form is loaded"):
            work()


def test_tiny_weights_are_counted(batch):
    learner = SparseLinear(SCHEMA, {"alpha": 1e-5, "l1": 0.0})
    learner.learn(batch)
    assert learner.sparsity().tiny_share == 1.0
    assert SparseLinear(SCHEMA).sparsity().tiny_share == 0.0


def test_progress_is_called_at_every_chunk(learner, make_batch):
    batch = make_batch([{"user": "u"}] * 1000, SCHEMA)
    calls = []
    learner.learn(
        pa.Table.from_batches([batch] * (2 * CHUNK // 1000 + 1)),
        lambda *call: calls.append(call),
    )
    total = 2 * CHUNK + 1000
    assert calls == [("learning", done, total) for done in (CHUNK, 2 * CHUNK, total)]


def test_a_torn_file_is_refused(learner, batch, tmp_path):
    learner.learn(batch)
    learner.save(tmp_path)
    for file in tmp_path.glob("*.safetensors"):
        file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(SafetensorError):
        learner.load(tmp_path)
    with pytest.raises(SafetensorError):
        learner.load_serving(tmp_path)
    assert learner.sparsity().seen > 0


def test_a_bad_option_is_named_with_its_range():
    with pytest.raises(OptionError, match=r"learner_options.alpha: .* from 1e-06 to 100, got 0"):
        SparseLinear(SCHEMA, {"alpha": 0})
    with pytest.raises(OptionError, match=r"algorithm: must be one of ftrl, rda, .*, got 'sdg'"):
        SparseLinear(SCHEMA, {"algorithm": "sdg"})
    assert json.dumps(SparseLinear(SCHEMA).settings)
