"""A recommender that learns by factors: updated by every strategy, served as it was learned."""

import numpy as np
import pytest

from tests.updates.flows.conftest import learnable_rows
from tests.updates.flows.online import (
    bytes_of,
    learned_at_once,
    make_policy,
    saved,
    see_through,
    sent_through,
)
from updates.flows.online import position
from updates.models import Checkpoint
from updates.serving.deltas import DeltaStream
from updates.store import artifacts


@pytest.fixture
def recommender(transactional_db, make_recommender, append):
    recommender = make_recommender(learner="factors", learner_options={"dim": 4})
    append(recommender, 1000)
    return recommender


def test_full_then_incremental_equals_one_full_update(recommender, live, append, update):
    append(recommender, 53)
    incremental = update(recommender, "incremental")
    assert incremental.state == "promoted", incremental.error
    whole = update(recommender, "full").result_version
    assert bytes_of(incremental.result_version.digest) == bytes_of(whole.digest)
    spaces = {part["space_id"] for part in whole.components.values()}
    assert spaces == {part["space_id"] for part in live.components.values()}
    assert len(spaces) == 1


def test_an_online_session_keeps_and_serves_what_was_learned(
    recommender, live, append, make_batch, valkey, tmp_path
):
    policy = make_policy(recommender)
    append(recommender, 205)
    see_through(policy, lambda: sent_through(valkey, recommender) >= 1205)
    expected = learned_at_once(recommender, 1205)
    assert bytes_of(Checkpoint.objects.get().digest) == saved(expected, tmp_path / "once")

    serving = recommender.new_learner()
    serving.load_serving(artifacts().open(live.digest))
    stream = DeltaStream(valkey, recommender.stream_key, position.epoch_of(recommender))
    for sent in stream.read(1000):
        serving.apply(sent.payload)
    rows = make_batch(learnable_rows(50, 2000))
    assert np.array_equal(serving.predict(rows), expected.predict(rows))
    assert serving.recommend("u1", 5).items == expected.recommend("u1", 5).items
