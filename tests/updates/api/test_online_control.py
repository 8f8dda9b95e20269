"""Online sessions at work, watched and controlled over the API."""

import threading

import pytest

from tests.conftest import wait_until
from tests.updates.flows.online import (
    bytes_of,
    learned_at_once,
    make_policy,
    saved,
    see_through,
    sent_through,
    session,
)
from updates import scheduling
from updates.learners.sparse.linear import SparseLinear
from updates.models import Checkpoint, UpdateRun

# A cancel or pause is to take effect within so many seconds.
SECONDS = 2


@pytest.fixture
def policy(live):
    return make_policy(live.recommender)


@pytest.fixture
def about(policy):
    """Address of the recommender below the API."""
    return f"recommenders/{policy.recommender.slug}"


def online(caller, run):
    """What the API says of the session; None while it does not learn."""
    return caller.get(f"updates/{run.pk}").json()["online"]


def has_learned(caller, run, offset):
    """Wait for it; returns what the API then says."""
    return wait_until(
        lambda: (found := online(caller, run)) and found["offset"] >= offset and found, 15
    )


def test_a_session_says_where_it_stands_and_what_it_does_next(
    as_viewer, policy, append, valkey, about
):
    append(policy.recommender, 300)
    with session(policy) as (run, _):
        found = has_learned(as_viewer, run, 1300)
        assert (found["offset"], found["backlog_samples"]) == (1300, 0)
        assert found["lag_seconds"] == 0
        assert found["checkpoint_offset"] is None
        assert 3_500 < found["next_checkpoint_seconds"] <= 3_600
        assert 80_000 < found["next_version_seconds"] <= 86_400
        fresh = as_viewer.get(f"{about}/freshness").json()
        assert (fresh["served_offset"], fresh["backlog_samples"]) == (1300, 0)
        assert fresh["live_version"] == 1
    assert online(as_viewer, run) is None


def test_what_outpaces_learning_is_seen_to_grow_and_none_of_it_is_dropped(
    as_viewer, policy, append, valkey, about, monkeypatch, tmp_path
):
    tap = Tap(monkeypatch)
    with session(policy) as (run, _):
        append(policy.recommender, 100)
        has_learned(as_viewer, run, 1100)
        tap.close()
        for waiting in (2_000, 4_000):
            append(policy.recommender, 2_000)
            found, fresh = online(as_viewer, run), as_viewer.get(f"{about}/freshness").json()
            assert found["offset"] == 1100
            assert found["backlog_samples"] == fresh["backlog_samples"] == waiting
            # The stream has a sample a second of event time.
            assert found["lag_seconds"] == fresh["lag_seconds"] == waiting
        tap.open()
        assert has_learned(as_viewer, run, 5100)["backlog_samples"] == 0
    expected = saved(learned_at_once(policy.recommender, 5100), tmp_path / "once")
    assert bytes_of(Checkpoint.objects.get().digest) == expected


class Tap:
    """Closed, it lets no learner learn until it is opened."""

    def __init__(self, monkeypatch):
        self.is_open = threading.Event()
        self.open()
        learn = SparseLinear.learn

        def learn_when_open(learner, *args, **kwargs):
            assert self.is_open.wait(60)
            return learn(learner, *args, **kwargs)

        monkeypatch.setattr(SparseLinear, "learn", learn_when_open)

    def open(self):
        self.is_open.set()

    def close(self):
        self.is_open.clear()


def test_pausing_the_policy_ends_its_session_and_resuming_goes_on_from_there(
    as_operator, policy, append, valkey, about, tmp_path
):
    append(policy.recommender, 200)
    with session(policy) as (run, thread):
        has_learned(as_operator, run, 1200)
        as_operator.patch(f"{about}/policies/{policy.name}", {"enabled": False})
        thread.join(SECONDS)
        assert not thread.is_alive()
    assert as_operator.get(f"updates/{run.pk}").json()["state"] == "cancelled"
    assert Checkpoint.objects.get().next_offset == 1201
    scheduling.tick()
    assert not sessions("queued")
    append(policy.recommender, 100)
    as_operator.patch(f"{about}/policies/{policy.name}", {"enabled": True})
    scheduling.tick()
    [following] = sessions("queued")
    following.move("cancelled", why="the test takes its place")
    see_through(policy, lambda: sent_through(valkey, policy.recommender) == 1300)
    expected = saved(learned_at_once(policy.recommender, 1300), tmp_path / "once")
    assert bytes_of(Checkpoint.objects.get().digest) == expected


def sessions(state):
    return list(UpdateRun.objects.filter(strategy="online", state=state))


def test_a_cancelled_session_stops_at_once_and_another_learns_what_it_did_not_keep(
    as_operator, policy, append, valkey, tmp_path
):
    append(policy.recommender, 200)
    with session(policy) as (run, thread):
        has_learned(as_operator, run, 1200)
        as_operator.post(f"updates/{run.pk}/cancel", {"reason": "a try"})
        thread.join(SECONDS)
        assert not thread.is_alive()
    assert not Checkpoint.objects.exists()
    scheduling.wake_followers(run.pk)
    [following] = sessions("queued")
    following.move("cancelled", why="the test takes its place")
    append(policy.recommender, 100)
    see_through(policy, lambda: sent_through(valkey, policy.recommender) == 1300)
    expected = saved(learned_at_once(policy.recommender, 1300), tmp_path / "once")
    assert bytes_of(Checkpoint.objects.get().digest) == expected


def test_intervals_of_the_policy_change_under_a_session_that_goes_on(
    as_operator, policy, append, valkey, about
):
    append(policy.recommender, 200)
    with session(policy) as (run, _):
        has_learned(as_operator, run, 1200)
        change = {"checkpoint_seconds": 1, "sync_interval_ms": 50}
        as_operator.patch(f"{about}/policies/{policy.name}", change)
        wait_until(lambda: Checkpoint.objects.filter(next_offset=1201).exists(), 10)
        assert online(as_operator, run)["checkpoint_offset"] == 1200
        assert online(as_operator, run)["next_checkpoint_seconds"] is None
        run.refresh_from_db()
        assert (run.state, run.attempt) == ("running", 1)


def test_other_options_of_the_learner_begin_another_session_with_them(
    as_admin, policy, append, valkey, about
):
    append(policy.recommender, 200)
    with session(policy) as (run, thread):
        has_learned(as_admin, run, 1200)
        as_admin.patch(about, {"learner_options": {"alpha": 0.25}})
        thread.join(SECONDS)
        assert not thread.is_alive()
    run.refresh_from_db()
    assert run.state == "queued"
    assert "has changed" in run.transitions.last().why
    run.move("cancelled", why="the test begins another")
    append(policy.recommender, 100)
    see_through(policy, lambda: sent_through(valkey, policy.recommender) == 1300)
    checkpoint = Checkpoint.objects.get()
    assert checkpoint.learner_options["alpha"] == 0.25
    assert checkpoint.steps == [{"op": "learn", "first_offset": 1001, "last_offset": 1300}]


def test_what_cannot_go_on_from_the_live_version_says_what_to_do(
    as_admin, policy, append, valkey, about
):
    as_admin.patch(about, {"learner_options": {"algorithm": "rda"}})
    append(policy.recommender, 100)
    run = see_through(policy, lambda: False)
    assert run.state == "failed"
    assert run.error.startswith("Version 1, which is live, is of other options")
    assert run.error.endswith("Run a full update first.")


def test_a_new_field_of_the_schema_is_learned_from_then_on(as_admin, policy, append, valkey, about):
    append(policy.recommender, 100)
    with session(policy) as (run, thread):
        has_learned(as_admin, run, 1100)
        schema = policy.recommender.schema | {"categorical": ["device", "country"]}
        as_admin.patch(about, {"schema": schema})
        thread.join(SECONDS)
        assert not thread.is_alive()
    run.refresh_from_db()
    assert run.state == "queued"
    run.move("cancelled", why="the test begins another")
    see_through(policy, lambda: sent_through(valkey, policy.recommender) == 1100)
    assert Checkpoint.objects.get().schema["categorical"] == ["device", "country"]
