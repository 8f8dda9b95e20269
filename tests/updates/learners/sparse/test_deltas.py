"""What learning changed, sent on: a serving form that follows predicts what the learner would."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.updates.learners.streams import SCHEMA, stream
from updates.learners.base import DeltaUnsupported
from updates.learners.gbdt import GBDT
from updates.learners.sparse.linear import ServingFormNeeded, SparseLinear
from updates.learners.sparse.slots import distinct

ROWS = 300
SAMPLES = stream(ROWS)
UNSEEN = stream(100, seed=7)


def learner(rows: int = 0) -> SparseLinear:
    made = SparseLinear(SCHEMA, {"l1": 0.5})
    made.learn(SAMPLES.slice(0, rows))
    return made


def serving(model: SparseLinear, folder) -> SparseLinear:
    folder.mkdir()
    model.save(folder)
    form = SparseLinear(SCHEMA, {"l1": 0.5})
    form.load_serving(folder)
    return form


@given(cuts=st.lists(st.integers(1, ROWS - 1), unique=True, max_size=5).map(sorted))
def test_deltas_one_after_the_other_predict_to_the_bit_what_the_learner_does(
    tmp_path_factory, cuts
):
    model = learner()
    follower = serving(model, tmp_path_factory.mktemp("delta") / "form")
    model.track()
    for start, stop in zip([0, *cuts], [*cuts, ROWS], strict=True):
        model.learn(SAMPLES.slice(start, stop - start))
        follower.apply(model.delta())
        assert (follower.predict(UNSEEN) == model.predict(UNSEEN)).all()


def test_a_delta_applied_anywhere_within_what_it_covers_leads_to_its_end(tmp_path):
    model = learner(100)
    behind = serving(model, tmp_path / "behind")
    model.track()
    model.learn(SAMPLES.slice(100, 50))
    between = serving(model, tmp_path / "between")
    model.learn(SAMPLES.slice(150, 50))
    delta = model.delta()
    for form in (behind, between):
        form.apply(delta)
        assert (form.predict(UNSEEN) == model.predict(UNSEEN)).all()


def test_a_weight_that_became_zero_is_sent_as_zero(tmp_path):
    rows = {"label": [1, 0] * 3, "user": ["u1"] * 6}
    batch = stream(6).to_pylist()
    batch = [
        row | {"label": label, "user": "u1"}
        for row, label in zip(batch, rows["label"], strict=True)
    ]
    model = SparseLinear(SCHEMA, {"l1": 0.4, "alpha": 1.0})
    samples = SAMPLES.from_pylist(batch, schema=SCHEMA.arrow)
    model.learn(samples.slice(0, 1))
    form = serving(model, tmp_path / "form")
    had = {row["value"] for row in model.weights().to_pylist()}
    model.track()
    model.learn(samples.slice(1))
    form.apply(model.delta())
    lost = had - {row["value"] for row in model.weights().to_pylist()}
    assert lost
    assert (form.predict(samples) == model.predict(samples)).all()


def test_tracking_changes_nothing_that_is_learned():
    tracked, plain = learner(), learner()
    tracked.track()
    for model in (tracked, plain):
        model.learn(SAMPLES)
    tracked.delta()
    assert (tracked.predict(UNSEEN) == plain.predict(UNSEEN)).all()


def test_a_snapshot_saves_the_bytes_of_its_instant_while_the_learner_goes_on(tmp_path):
    model, same = learner(100), learner(100)
    snapshot = model.snapshot()
    saving = threading.Thread(target=serving, args=[snapshot, tmp_path / "snapshot"])
    saving.start()
    model.learn(SAMPLES.slice(100))
    saving.join()
    serving(same, tmp_path / "same")
    for name in ("state.safetensors", "weights.safetensors"):
        taken = (tmp_path / "snapshot" / name).read_bytes()
        assert taken == (tmp_path / "same" / name).read_bytes()


def test_taking_a_snapshot_never_changes_later_learning(tmp_path):
    model, plain = learner(100), learner(100)
    model.snapshot()
    for each in (model, plain):
        each.learn(SAMPLES.slice(100))
    serving(model, tmp_path / "taken")
    serving(plain, tmp_path / "plain")
    name = "state.safetensors"
    assert (tmp_path / "taken" / name).read_bytes() == (tmp_path / "plain" / name).read_bytes()


def test_a_delta_is_for_the_serving_form_only():
    model = learner(10)
    model.track()
    with pytest.raises(ServingFormNeeded, match="load_serving"):
        model.apply(model.delta())


def test_a_learner_without_deltas_says_so():
    with pytest.raises(DeltaUnsupported, match="gbdt"):
        GBDT(SCHEMA).delta()


@given(st.lists(st.integers(1, 50) | st.integers(1, 2**64 - 1)))
def test_distinct_keys_come_once_in_their_order(keys):
    found = distinct(np.array(keys, np.uint64))
    assert found.tolist() == list(dict.fromkeys(keys))
