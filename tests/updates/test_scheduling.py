"""The tick: what is due is claimed once, what died is taken up."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection

from tests.updates.flows.conftest import *  # noqa: F403 - its fixtures
from updates.models import ComponentLease, UpdatePolicy, UpdateRun
from updates.scheduling import tick

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def hourly(recommender):
    with time_machine.travel(NOON, tick=False):
        return recommender.policies.create(
            name="hourly", strategy="full", trigger="interval", interval_seconds=3600
        )


def test_nothing_fires_before_its_time(hourly):
    tick(NOON + timedelta(minutes=59))
    assert not UpdateRun.objects.exists()


def test_a_due_policy_fires_and_is_due_again_an_interval_later(hourly):
    tick(NOON + timedelta(hours=1))
    hourly.refresh_from_db()
    assert UpdateRun.objects.get().due_at == NOON + timedelta(hours=1)
    assert hourly.next_due_at == NOON + timedelta(hours=2)


def test_missed_fires_coalesce_into_one(hourly):
    tick(NOON + timedelta(hours=7, minutes=30))
    hourly.refresh_from_db()
    assert UpdateRun.objects.get().coalesced_fires == 6
    assert hourly.next_due_at == NOON + timedelta(hours=8)


def test_two_beats_at_once_fire_once(hourly):
    barrier = threading.Barrier(4)

    def beat():
        barrier.wait()
        tick(NOON + timedelta(hours=1))
        connection.close()

    threads = [threading.Thread(target=beat) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    run = UpdateRun.objects.get()
    assert run.coalesced_fires == 0


def test_a_fire_behind_a_waiting_one_falls_in_with_it(hourly):
    tick(NOON + timedelta(hours=1))
    tick(NOON + timedelta(hours=2))
    assert UpdateRun.objects.get().coalesced_fires == 1


@pytest.mark.parametrize("field", [{"enabled": False}, {"hold_reason": "rolled back"}])
def test_a_paused_or_held_policy_fires_nothing(hourly, field):
    UpdatePolicy.objects.update(**field)
    tick(NOON + timedelta(hours=1))
    assert not UpdateRun.objects.exists()


def test_a_samples_policy_fires_each_time_so_many_have_arrived(recommender, append):
    policy = recommender.policies.create(
        name="thousand", strategy="full", trigger="samples", every_samples=1000
    )
    tick(NOON)
    policy.refresh_from_db()
    assert (UpdateRun.objects.count(), policy.fired_through_offset) == (1, 1000)
    append(recommender, 999)
    tick(NOON + timedelta(seconds=1))
    assert UpdateRun.objects.get().coalesced_fires == 0
    append(recommender, 1)
    tick(NOON + timedelta(seconds=2))
    assert UpdateRun.objects.get().coalesced_fires == 1


def test_a_staleness_policy_fires_before_the_objective_is_missed(recommender, live, append):
    recommender.policies.create(name="fresh", strategy="incremental", trigger="staleness")
    append(recommender, 10)
    tick(live.watermark + timedelta(seconds=3200))
    assert not UpdateRun.objects.filter(policy__name="fresh").exists()
    tick(live.watermark + timedelta(seconds=3300))
    tick(live.watermark + timedelta(seconds=3301))
    assert UpdateRun.objects.filter(policy__name="fresh").count() == 1


def test_an_incremental_fire_with_nothing_new_is_counted_and_runs_nothing(recommender, live):
    policy = recommender.policies.create(
        name="minutely", strategy="incremental", trigger="interval", interval_seconds=60
    )
    tick(policy.next_due_at)
    policy.refresh_from_db()
    assert policy.skipped_fires == 1
    assert not policy.runs.exists()


def test_missed_fires_that_found_nothing_new_are_all_counted(recommender, live):
    policy = recommender.policies.create(
        name="minutely", strategy="incremental", trigger="interval", interval_seconds=60
    )
    tick(policy.next_due_at + timedelta(minutes=4))
    policy.refresh_from_db()
    assert policy.skipped_fires == 5


def test_a_run_whose_worker_died_is_queued_again(recommender):
    run = _abandoned(recommender)
    tick(NOON)
    run.refresh_from_db()
    assert run.state == "queued"
    assert "worker gone:1 stopped answering" in run.transitions.last().why


def test_after_three_dead_workers_the_run_fails_with_the_reason(recommender):
    run = _abandoned(recommender)
    for minutes in (0, 1):
        tick(NOON + timedelta(minutes=minutes))
        run.refresh_from_db()
        assert (run.state, run.deaths) == ("queued", minutes + 1)
        run.claim("gone:1", {}, NOON)
    tick(NOON + timedelta(minutes=2))
    run.refresh_from_db()
    assert run.state == "failed"
    assert "the last of 3 that were tried" in run.error


def test_however_often_it_made_way_before_a_run_survives_its_worker(recommender):
    run = _abandoned(recommender)
    UpdateRun.objects.update(attempt=100)
    tick(NOON)
    run.refresh_from_db()
    assert run.state == "queued"


def test_a_run_whose_lease_is_good_is_left_alone(recommender):
    run = _abandoned(recommender)
    tick(NOON - timedelta(minutes=5))
    run.refresh_from_db()
    assert run.state == "running"


def test_one_failing_policy_stops_no_other(recommender, hourly, monkeypatch):
    with time_machine.travel(NOON, tick=False):
        recommender.policies.create(
            name="a-first", strategy="full", trigger="interval", interval_seconds=3600
        )
    from updates.flows import fire

    trigger = fire.trigger

    def fail_for_the_first(recommender, policy, **kwargs):
        if policy.name == "a-first":
            raise RuntimeError("no")
        return trigger(recommender, policy=policy, **kwargs)

    monkeypatch.setattr(fire, "trigger", fail_for_the_first)
    tick(NOON + timedelta(hours=1))
    assert UpdateRun.objects.get().policy == hourly


def _abandoned(recommender):
    run = UpdateRun.objects.create(recommender=recommender, strategy="full", components=["weights"])
    then = NOON - timedelta(minutes=5)
    run.claim("gone:1", ComponentLease.acquire(run, run.components, then), then)
    return run
