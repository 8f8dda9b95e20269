"""A full update beside online learning: judged together, it takes over where that stood."""

import threading

import numpy as np
import pytest

from tests.conftest import SCHEMA
from tests.updates.flows.online import make_policy, sent_through
from updates.flows.online import position
from updates.flows.prove import prove, request_proof
from updates.flows.trigger import WriterBusy, trigger
from updates.learners.registry import get
from updates.metrics import quality
from updates.models import ComponentLease, UpdatePolicy, UpdateRun
from updates.samples.log import SampleLog
from updates.strategies import full


@pytest.fixture
def policy(live):
    """An online policy that makes no versions of its own during a test."""
    return make_policy(live.recommender)


@pytest.fixture
def session(policy, in_thread, valkey, wait_until):
    """An online session at work, and ``learned(offset)`` that waits until it has sent that."""
    run = trigger(policy.recommender, policy=policy)
    thread = in_thread(run)

    def learned(offset):
        wait_until(lambda: sent_through(valkey, policy.recommender) >= offset)

    return run, thread, learned


@pytest.fixture
def held_up(monkeypatch, in_thread):
    """A full update that trains until it is let go on: (it has begun, let it go)."""
    begun, go = threading.Event(), threading.Event()
    train = full.train

    def slowly(*args, **kwargs):
        candidate = train(*args, **kwargs)
        begun.set()
        go.wait(20)
        return candidate

    monkeypatch.setattr(full, "train", slowly)
    yield begun, go
    go.set()


def test_online_learning_goes_on_while_it_trains_and_hands_over_at_promotion(
    policy, session, held_up, append, in_thread
):
    online, thread, learned = session
    begun, go = held_up
    update = trigger(policy.recommender, strategy="full")
    working = in_thread(update)
    assert begun.wait(10)
    append(policy.recommender, 500)
    learned(1500)
    go.set()
    working.join(20)
    thread.join(5)
    update.refresh_from_db()
    online.refresh_from_db()
    assert update.state == "promoted", update.error
    assert (online.state, thread.is_alive()) == ("queued", False)
    assert f"makes way for run {update.pk}" in online.transitions.last().why
    version = update.result_version
    assert version.next_offset == 1501
    policy.recommender.refresh_from_db()
    assert policy.recommender.live_version == version
    standing = position.stand(policy.recommender, ["weights"], sent_by=0, keep=0)
    assert (standing.base, standing.learned) == (version, 1500)


def test_the_optimality_gap_is_of_the_predictions_that_both_made_before_learning(
    policy, session, held_up, append, in_thread
):
    _, _, learned = session
    begun, go = held_up
    update = trigger(policy.recommender, strategy="full", window_seconds=400)
    working = in_thread(update)
    assert begun.wait(10)
    append(policy.recommender, 700)
    learned(1700)
    go.set()
    working.join(20)
    update.refresh_from_db()
    live = policy.recommender.versions.get(number=1)
    online = get("sparse_linear")(live.recommender.sample_schema, live.learner_options)
    predictions, labels = [], []
    for batch in SampleLog(policy.recommender).read(1, 1701):
        predictions.append(online.learn(batch).predictions)
        labels.append(batch.column("label").to_numpy().astype(float))
    judged = update.metrics["holdout"]
    assert judged == {"first_offset": 1001, "last_offset": 1700}
    newest = slice(judged["first_offset"] - 1, judged["last_offset"])
    ne = quality(np.concatenate(labels)[newest], np.concatenate(predictions)[newest]).ne
    assert update.metrics["reference"]["ne"] == pytest.approx(ne, abs=1e-12)
    gap = update.metrics["reference"]["ne"] - update.metrics["candidate"]["ne"]
    assert update.metrics["ne_gain"] == pytest.approx(gap)


def test_what_it_became_is_proved_from_the_log(policy, session, append, in_thread):
    append(policy.recommender, 300)
    update = trigger(policy.recommender, strategy="full")
    in_thread(update).join(20)
    update.refresh_from_db()
    proof = request_proof(update.result_version)
    prove(proof.pk)
    proof.refresh_from_db()
    assert proof.state == "equal", proof.outcome


def test_a_rejected_one_leaves_the_session_alone(policy, session, append, in_thread):
    online, thread, _ = session
    fussy = UpdatePolicy.objects.create(
        recommender=policy.recommender,
        name="daily",
        strategy="full",
        trigger="manual",
        min_calibration=5.0,
        max_calibration=6.0,
    )
    append(policy.recommender, 300)
    update = trigger(policy.recommender, policy=fussy)
    in_thread(update).join(20)
    update.refresh_from_db()
    online.refresh_from_db()
    assert (update.state, online.state) == ("rejected", "running")
    assert thread.is_alive()


def test_one_full_update_at_a_time_goes_beside(policy, session, held_up, in_thread):
    begun, _ = held_up
    in_thread(trigger(policy.recommender, strategy="full"))
    assert begun.wait(10)
    with pytest.raises(WriterBusy):
        trigger(policy.recommender, strategy="full")


def test_a_session_begins_while_a_full_update_trains(policy, held_up, in_thread, wait_until):
    begun, _ = held_up
    in_thread(trigger(policy.recommender, strategy="full"))
    assert begun.wait(10)
    online = trigger(policy.recommender, policy=policy)
    in_thread(online)
    wait_until(lambda: UpdateRun.objects.get(pk=online.pk).state == "running")


def test_who_wanted_the_components_and_died_holds_up_nobody(policy, session, in_thread):
    online, thread, _ = session
    gone = trigger(policy.recommender, strategy="full")
    ComponentLease.want(gone, gone.components)
    assert ComponentLease.wanter(online) is None
    gone.claim("gone:1", {}, gone.queued_at)
    assert ComponentLease.wanter(online) == gone
    thread.join(5)
    assert not thread.is_alive()
    gone.move("failed", why="its worker died", as_attempt=1)
    assert ComponentLease.wanter(online) is None


def test_after_a_field_was_dropped_the_reference_learns_with_the_schema_that_it_had(
    policy, append, update
):
    recommender = policy.recommender
    recommender.schema = recommender.schema | {"categorical": ["country"]}
    recommender.save(update_fields=["schema"])
    append(recommender, 700)
    run = update(recommender, "full")
    assert run.state == "promoted", run.error
    live = get("sparse_linear")(SCHEMA, policy.recommender.learner_options)
    log = SampleLog(recommender).with_schema(SCHEMA.to_json())
    predictions, labels = [], []
    for batch in log.read(1, 1701):
        predictions.append(live.learn(batch).predictions)
        labels.append(batch.column("label").to_numpy().astype(float))
    newest = slice(run.metrics["holdout"]["first_offset"] - 1, None)
    ne = quality(np.concatenate(labels)[newest], np.concatenate(predictions)[newest]).ne
    assert run.metrics["reference"]["ne"] == pytest.approx(ne, abs=1e-12)
