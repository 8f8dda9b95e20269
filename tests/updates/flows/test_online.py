"""Online learning: a session learns what arrives, is ended and taken up again, to the bit."""

import numpy as np
import pytest

from tests.conftest import wait_until
from tests.updates.flows.conftest import learnable_rows
from tests.updates.flows.online import (
    bytes_of,
    hurry,
    learned_at_once,
    make_policy,
    saved,
    see_through,
    sent_through,
    session,
)
from updates import scheduling
from updates.flows.execute import execute
from updates.flows.online import position
from updates.flows.pause import pause
from updates.flows.promote import promote
from updates.flows.roll_back import roll_back
from updates.flows.trigger import trigger
from updates.learners.registry import get
from updates.models import Checkpoint, Deployment, UpdatePolicy, UpdateRun
from updates.samples.log import SampleLog
from updates.serving.deltas import DeltaStream
from updates.store import artifacts


@pytest.fixture
def policy(live):
    """Sends, checkpoints and makes versions as the test wants it."""
    return make_policy(live.recommender)


@pytest.fixture
def learn(valkey):
    """``learn(policy)``: a session that its worker stops once all samples are sent to serving."""

    def until_all_is_sent(policy, last_offset):
        recommender = policy.recommender
        return see_through(policy, lambda: sent_through(valkey, recommender) >= last_offset)

    return until_all_is_sent


def test_a_session_learns_what_follows_the_live_version_and_keeps_it_when_stopped(
    policy, append, learn, tmp_path
):
    append(policy.recommender, 500)
    run = learn(policy, 1500)
    assert run.state == "queued"
    checkpoint = Checkpoint.objects.get()
    assert checkpoint.next_offset == 1501
    expected = saved(learned_at_once(policy.recommender, 1500), tmp_path / "once")
    assert bytes_of(checkpoint.digest) == expected


def test_a_session_goes_on_from_the_checkpoint_to_the_same_bits(policy, append, learn, tmp_path):
    for last in (1200, 1500, 1501):
        append_up_to(last, policy, append)
        run = learn_again(policy, learn, last)
        position.LEFT.clear()
    assert run.attempt == 1
    expected = saved(learned_at_once(policy.recommender, 1501), tmp_path / "once")
    assert bytes_of(Checkpoint.objects.get().digest) == expected


def append_up_to(last, policy, append):
    append(policy.recommender, last - SampleLog(policy.recommender).head().last_offset)


def learn_again(policy, learn, last_offset):
    """As a session of its own: the one that was queued again is no more."""
    for run in UpdateRun.objects.filter(state="queued"):
        run.move("cancelled", why="the test begins another")
    return learn(policy, last_offset)


def test_deltas_bring_the_serving_form_to_the_learner_to_the_bit(
    policy, live, append, learn, make_batch, valkey
):
    for last in (1100, 1300):
        append_up_to(last, policy, append)
        learn_again(policy, learn, last)
    stream = DeltaStream(
        valkey, policy.recommender.stream_key, position.epoch_of(policy.recommender)
    )
    served = get("sparse_linear")(live.recommender.sample_schema, live.learner_options)
    served.load_serving(artifacts().open(live.digest))
    for sent in stream.read(1000):
        served.apply(sent.payload)
    rows = make_batch(learnable_rows(50, 2000))
    expected = learned_at_once(policy.recommender, 1300).predict(rows)
    assert served.predict(rows).tolist() == expected.tolist()


def test_after_a_crash_samples_are_learned_again_and_nothing_is_sent_twice(
    policy, append, learn, valkey, monkeypatch, tmp_path
):
    append(policy.recommender, 300)
    with monkeypatch.context() as dying:
        # As if killed: nothing is written when it ends.
        dying.setattr("updates.flows.online.checkpoints.write", fail)
        assert learn(policy, 1300).state == "failed"
    assert not Checkpoint.objects.exists()
    append(policy.recommender, 100)
    learn(policy, 1400)
    stream = DeltaStream(
        valkey, policy.recommender.stream_key, position.epoch_of(policy.recommender)
    )
    offsets = [sent.offset for sent in stream.read(1000)]
    assert offsets == sorted(set(offsets))
    assert offsets[-1] == 1400
    expected = saved(learned_at_once(policy.recommender, 1400), tmp_path / "once")
    assert bytes_of(Checkpoint.objects.get().digest) == expected


def fail(*args, **kwargs):
    raise RuntimeError("killed")


def test_after_its_time_the_running_model_becomes_a_version_judged_before_it_learned(
    policy, append, live, monkeypatch
):
    append(policy.recommender, 1000)
    hurry(monkeypatch)
    UpdatePolicy.objects.update(version_every_minutes=0.05)
    policy.refresh_from_db()
    run = trigger(policy.recommender, policy=policy)
    execute(run.pk, "test")
    run.refresh_from_db()
    assert run.state == "promoted", run.error
    version = run.result_version
    assert version.parent == live
    assert version.next_offset == 2001
    assert version.metrics["candidate"]["samples"] == 1000
    assert version.metrics["reference_version"] == live.number
    assert run.ranges == [{"op": "learn", "first_offset": 1001, "last_offset": 2000}]
    deployments = Deployment.objects.order_by("pk")
    assert [deployment.epoch for deployment in deployments] == [deployments[0].pk] * 2


def test_a_rejected_running_model_is_kept_and_learning_goes_on_from_where_it_was(
    policy, append, live, learn, monkeypatch
):
    hurry(monkeypatch)
    UpdatePolicy.objects.update(
        version_every_minutes=0.05, min_calibration=5.0, max_calibration=6.0
    )
    policy.refresh_from_db()
    append(policy.recommender, 500)
    run = trigger(policy.recommender, policy=policy)
    execute(run.pk, "test")
    run.refresh_from_db()
    assert run.state == "rejected"
    assert "Calibration" in run.error
    policy.recommender.refresh_from_db()
    assert policy.recommender.live_version == live
    assert Checkpoint.objects.get().next_offset == 1501


def test_pausing_the_policy_ends_the_session_and_nothing_begins_again(policy, append, learn):
    append(policy.recommender, 100)
    run = trigger(policy.recommender, policy=policy)
    pause(policy)
    execute(run.pk, "test")
    run.refresh_from_db()
    assert run.state == "cancelled"
    assert "paused" in run.error
    scheduling.tick()
    assert not UpdateRun.objects.filter(strategy="online", state="queued").exists()


def test_the_tick_begins_a_session_once(policy, append):
    append(policy.recommender, 100)
    scheduling.tick()
    scheduling.tick()
    assert UpdateRun.objects.filter(strategy="online", state="queued").count() == 1


def test_a_session_makes_way_for_an_incremental_update_and_goes_on_from_its_result(
    policy, append, learn
):
    append(policy.recommender, 200)
    online = trigger(policy.recommender, policy=policy)
    incremental = trigger(policy.recommender, strategy="incremental")
    assert not execute(online.pk, "test")
    execute(incremental.pk, "test")
    incremental.refresh_from_db()
    assert incremental.state == "promoted"
    append(policy.recommender, 50)
    learn_again(policy, learn, 1250)
    checkpoint = Checkpoint.objects.get()
    assert checkpoint.base == incremental.result_version
    assert checkpoint.steps == [{"op": "learn", "first_offset": 1201, "last_offset": 1250}]


def test_a_roll_back_stops_the_writer_and_learning_begins_where_that_version_stood(
    policy, append, learn, update, tmp_path
):
    first = policy.recommender.live_version
    append(policy.recommender, 200)
    update(policy.recommender, "incremental")
    append(policy.recommender, 200)
    session = learn(policy, 1400)
    policy.recommender.refresh_from_db()
    roll_back(policy.recommender, to=first, reason="a test")
    session.refresh_from_db()
    assert session.state == "cancelled"
    learn(policy, 1400)
    checkpoint = Checkpoint.objects.get()
    assert checkpoint.base == first
    assert checkpoint.steps == [{"op": "learn", "first_offset": 1001, "last_offset": 1400}]
    expected = saved(learned_at_once(policy.recommender, 1400), tmp_path / "once")
    assert bytes_of(checkpoint.digest) == expected


def test_a_session_makes_way_for_what_a_person_makes_live(policy, append, update, valkey):
    recommender = policy.recommender
    append(recommender, 200)
    other = update(recommender, "incremental").result_version
    roll_back(recommender, to=other.parent, reason="a test")
    append(recommender, 100)
    with session(policy) as (run, thread):
        wait_until(lambda: sent_through(valkey, recommender) >= 1300)
        promote(other, reason="It was right.")
        thread.join(10)
        assert not thread.is_alive()
    run.refresh_from_db()
    assert run.state == "queued"
    assert run.transitions.last().why == "another version was made live; queued again"


def test_a_recommender_without_a_version_learns_from_nothing(recommender, learn):
    policy = make_policy(recommender)
    learn(policy, 1000)
    assert Checkpoint.objects.get().next_offset == 1001
    assert Checkpoint.objects.get().base is None


def test_a_session_that_lost_its_lease_sends_nothing_more(policy, append, valkey):
    append(policy.recommender, 100)
    epoch = position.epoch_of(policy.recommender)
    stream = DeltaStream(valkey, policy.recommender.stream_key, epoch)
    stream.begin(10**6)
    run = trigger(policy.recommender, policy=policy)
    execute(run.pk, "test")
    assert stream.read(0) == []
    assert not Checkpoint.objects.exists()


def test_what_this_process_still_holds_is_taken_up_without_loading(
    policy, append, learn, monkeypatch
):
    append(policy.recommender, 100)
    learn(policy, 1100)
    [left] = position.LEFT.values()
    predicted = left.learning.candidate.learner
    append(policy.recommender, 100)
    learn_again(policy, learn, 1200)
    [again] = position.LEFT.values()
    assert again.learning.candidate.learner is predicted
    assert np.isfinite(predicted.intercept)


def test_on_trees_the_lr_learns_online_and_serving_follows_it_to_the_bit(
    make_recommender, transactional_db, append, update, learn, make_batch, valkey
):
    recommender = make_recommender(learner="gbdt_lr", slug="trees")
    append(recommender, 1000)
    live = update(recommender).result_version
    append(recommender, 300)
    learn(make_policy(recommender), 1300)

    expected, online, served = (get("gbdt_lr")(recommender.sample_schema) for _ in range(3))
    expected.load(artifacts().open(live.digest))
    online.load(artifacts().open(Checkpoint.objects.get().digest))
    served.load_serving(artifacts().open(live.digest))
    stream = DeltaStream(valkey, recommender.stream_key, position.epoch_of(recommender))
    for sent in stream.read(1000):
        served.apply(sent.payload)
    for batch in SampleLog(recommender).read(1001, 1301):
        expected.learn(batch)

    rows = make_batch(learnable_rows(50, 2000))
    assert expected.trees > 0
    assert online.space_id == expected.space_id
    assert online.predict(rows).tolist() == expected.predict(rows).tolist()
    assert served.predict(rows).tolist() == expected.predict(rows).tolist()
