"""Going back, with or without a hold."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from updates.artifacts import CorruptArtifact
from updates.flows.roll_back import RollBackError, lift_ended_holds, lift_hold, roll_back
from updates.flows.trigger import trigger
from updates.models import Deployment
from updates.scheduling import tick
from updates.store import artifacts


@pytest.fixture
def second(recommender, live, append, update):
    append(recommender, 100)
    return update(recommender, "incremental").result_version


@pytest.fixture
def policy(recommender):
    return recommender.policies.create(
        name="hourly", strategy="incremental", trigger="interval", interval_seconds=3600
    )


def test_the_earlier_version_is_live_again(recommender, live, second, operator):
    deployment = roll_back(recommender, to=live, reason="clicks were counted twice", by=operator)
    recommender.refresh_from_db()
    second.refresh_from_db()
    assert recommender.live_version == live
    assert second.state == "retired"
    assert (deployment.previous, deployment.moved_by) == (second, operator)


def test_history_says_what_was_live_when_and_why(recommender, live, second):
    roll_back(recommender, to=live, reason="clicks were counted twice")
    kinds = Deployment.objects.order_by("pk").values_list("version__number", "kind")
    assert list(kinds) == [(1, "promotion"), (2, "promotion"), (1, "rollback")]
    assert Deployment.objects.filter(ended_at=None).count() == 1


def test_hold_stops_policies_and_runs_that_would_undo_it(recommender, live, second, policy):
    run = trigger(recommender, strategy="full")
    roll_back(recommender, to=live, reason="bad labels", hold=True)
    policy.refresh_from_db()
    run.refresh_from_db()
    assert policy.hold_reason == "Rolled back to v1: bad labels"
    assert run.state == "cancelled"


def test_a_lifted_hold_begins_the_schedule_anew(recommender, live, second, policy):
    roll_back(recommender, to=live, reason="bad labels", hold=True)
    policy.refresh_from_db()
    due = policy.next_due_at
    lift_hold(policy)
    policy.refresh_from_db()
    assert policy.active
    assert policy.next_due_at > due


def test_a_hold_for_a_time_ends_by_itself(recommender, live, second, policy):
    roll_back(recommender, to=live, reason="bad labels", hold=True, hold_seconds=3600)
    policy.refresh_from_db()
    ends_at = policy.hold_until
    lift_ended_holds(ends_at - timedelta(seconds=1))
    policy.refresh_from_db()
    assert not policy.active
    with time_machine.travel(ends_at, tick=False):
        lift_ended_holds(ends_at)
    policy.refresh_from_db()
    assert policy.active
    assert policy.hold_until is None
    assert policy.next_due_at == ends_at + timedelta(hours=1)
    assert policy.history.first().history_change_reason == "hold ended"


def test_the_tick_lifts_a_hold_that_has_ended(recommender, live, second, policy):
    roll_back(recommender, to=live, reason="bad labels", hold=True, hold_seconds=60)
    with time_machine.travel(timezone.now() + timedelta(seconds=61), tick=False):
        tick()
    policy.refresh_from_db()
    assert policy.active


@pytest.mark.parametrize("given", [{"hold_seconds": 60}, {"hold": True, "hold_seconds": 0}])
def test_a_time_without_a_hold_or_of_no_length_is_refused(recommender, live, second, given):
    with pytest.raises(RollBackError) as error:
        roll_back(recommender, to=live, reason="bad labels", **given)
    assert error.value.field == "hold_seconds"


def test_a_reason_is_required(recommender, live, second):
    with pytest.raises(RollBackError) as error:
        roll_back(recommender, to=live, reason=" ")
    assert error.value.field == "reason"


def test_a_version_that_was_never_live_is_no_place_to_go_back_to(recommender, live, append, update):
    policy = recommender.policies.create(
        name="strict", strategy="full", trigger="manual", min_calibration=3, max_calibration=4
    )
    rejected = update(recommender, policy).result_version
    with pytest.raises(RollBackError, match="never live"):
        roll_back(recommender, to=rejected, reason="try it")


def test_a_damaged_artifact_is_refused_and_nothing_moves(recommender, live, second):
    folder = artifacts().folder(live.digest)
    damaged = next(path for path in folder.iterdir() if path.suffix == ".safetensors")
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    with pytest.raises(CorruptArtifact, match=damaged.name):
        roll_back(recommender, to=live, reason="go back")
    recommender.refresh_from_db()
    assert recommender.live_version == second
