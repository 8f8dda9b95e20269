"""A recommender that learns by factors: updated by every strategy, served as it was learned."""

import numpy as np
import pytest

from tests.updates.flows.conftest import learnable_rows
from tests.updates.flows.online import bytes_of, learned_and_served


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
    expected, serving = learned_and_served(recommender, live, append, valkey, tmp_path)
    rows = make_batch(learnable_rows(50, 2000))
    assert np.array_equal(serving.predict(rows), expected.predict(rows))
    assert serving.recommend("u1", 5).items == expected.recommend("u1", 5).items
