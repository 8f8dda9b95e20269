"""What devices sent, in a real Valkey."""

import numpy as np
import pytest

from updates.learners.device import Interaction, UserVector
from updates.samples.devices import (
    MOST_KEPT,
    Devices,
    Limit,
    OwnVector,
    RevisionMoved,
    SentInteraction,
)
from updates.samples.stream import SampleStream

HOUR_MS = 3_600_000
NOW_MS = 500_000 * HOUR_MS


@pytest.fixture
def devices(valkey):
    return Devices(valkey, "recadmin:{r1}", always_synced=True)


@pytest.fixture
def take(valkey, devices):
    """``take(user, revision, ids, now_ms)``: these interactions enter the log as one batch."""
    stream = SampleStream(valkey, "recadmin:{r1}", always_synced=True)
    batches = iter(range(1_000))

    def taken(user, revision, ids, now_ms=NOW_MS):
        sent = [SentInteraction(one, now_ms, Interaction(f"item of {one}", 1.0)) for one in ids]
        return stream.append(
            b"rows",
            rows=len(sent),
            newest_event_time_ms=now_ms,
            arrived_at_ms=now_ms,
            batch_id=f"b{next(batches)}",
            archived_through=0,
            fresh=True,
            beside=devices.taking(user, revision, sent, now_ms),
        )

    return taken


def items(state):
    return [interaction.item for _, interaction in state.kept]


def test_a_user_that_nobody_told_of_has_nothing(devices):
    state = devices.state("u1", 0)
    assert (state.revision, state.kept, state.own) == (0, [], None)
    assert devices.known("u1", ["a"]) == [False]
    assert devices.known("u1", []) == []


def test_what_is_taken_has_the_offsets_that_the_log_gave_it(devices, take):
    take("u1", 0, ["a", "b"])
    take("u2", 0, ["c"])
    take("u1", 1, ["d"])
    state = devices.state("u1", 0)
    assert [offset for offset, _ in state.kept] == [1, 2, 4]
    assert state.revision == 2
    assert items(devices.state("u1", 2)) == ["item of d"]
    assert devices.known("u1", ["a", "c", "d"]) == [True, False, True]


def test_from_another_revision_nothing_is_written_at_all(devices, take, valkey):
    take("u1", 0, ["a"])
    before = valkey.xlen("recadmin:{r1}:stream")
    with pytest.raises(RevisionMoved):
        take("u1", 0, ["b"])
    assert valkey.xlen("recadmin:{r1}:stream") == before
    assert devices.known("u1", ["b"]) == [False]


def test_the_newest_interactions_are_kept_and_all_ids_known(devices, take):
    ids = [f"id{n}" for n in range(MOST_KEPT + 5)]
    take("u1", 0, ids[:100])
    take("u1", 1, ids[100:])
    assert items(devices.state("u1", 0)) == [f"item of {one}" for one in ids[5:]]
    assert all(devices.known("u1", ids))


def test_an_id_is_forgotten_when_what_it_names_is_too_old_to_be_taken(devices, take):
    take("u1", 0, ["a"])
    take("u1", 1, ["b"], NOW_MS + 24 * 30 * HOUR_MS)
    assert devices.known("u1", ["a", "b"]) == [True, True]
    take("u1", 2, ["c"], NOW_MS + 24 * 32 * HOUR_MS)
    assert devices.known("u1", ["a", "b"]) == [False, True]


@pytest.mark.parametrize("user", ["7:ids", "a b", "{r2}", "é", "x" * 1_000])
def test_names_of_users_do_not_get_into_one_another_s_way(devices, take, user):
    take("7", 0, ["a"])
    take(user, 0, ["b"])
    assert items(devices.state("7", 0)) == ["item of a"]
    assert items(devices.state(user, 0)) == ["item of b"]


def test_a_vector_alone_is_kept_bit_for_bit_until_interactions_come(devices, take):
    own = OwnVector("space", UserVector(np.float32([0.1, -3e-39, 7]), 0.1))
    devices.keep("u1", 0, own, NOW_MS)
    state = devices.state("u1", 0)
    assert state.revision == 1
    assert state.own.space_id == "space"
    assert state.own.user.distance(own.user) == 0
    with pytest.raises(RevisionMoved):
        devices.keep("u1", 0, own, NOW_MS)
    take("u1", 1, ["a"])
    assert devices.state("u1", 0).own is None


def test_a_limit_holds_for_one_user_and_one_span(devices):
    limit = Limit("requests", 3, 60)
    now = NOW_MS + 10_000
    assert [devices.spend("u1", limit, 1, now) for _ in range(4)] == [0, 0, 0, 50]
    assert devices.spend("u2", limit, 3, now) == 0
    assert devices.spend("u1", limit, 3, now + 50_000) == 0


def test_who_has_sent_of_late_is_told_with_what_training_has_not_learned(devices, take):
    take("old", 0, ["a"], NOW_MS - HOUR_MS)
    take("u1", 0, ["b", "c"])
    assert devices.told(NOW_MS - 1, 2) == {"u1": {3}}
    assert devices.told(NOW_MS - 1, 9) == {"u1": set()}


def test_counts_add_up(devices):
    assert devices.counts() == {}
    devices.count({"accepted": 1, "gained": 0.25})
    devices.count({"accepted": 1, "gained": -0.5})
    assert devices.counts() == {"accepted": 2, "gained": -0.25}
