"""Policies that fire because the samples have drifted, or the live version predicts worse."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from updates.flows.drifted import degraded, drifted
from updates.models import UpdatePolicy, UpdateRun

NOW = timezone.now()
HOUR = timedelta(hours=1)
BECAUSE = "device drifted: PSI 1.234, above 0.1 and above 0.010 by chance."


@pytest.fixture
def policy(live):
    return live.recommender.policies.create(
        name="on-drift", strategy="incremental", trigger="drift", rest_seconds=7200
    )


def runs(policy):
    return UpdateRun.objects.filter(policy=policy)


def test_an_alarm_fires_once_with_the_sentence_as_its_reason(policy, append):
    append(policy.recommender, 10)
    for minutes in range(3):
        drifted(policy.recommender, NOW, BECAUSE, NOW + timedelta(minutes=minutes))
    run = runs(policy).get()
    assert (run.reason, run.coalesced_fires) == (BECAUSE, 0)


def test_an_alarm_that_begins_during_the_rest_fires_after_it(policy, append):
    append(policy.recommender, 10)
    drifted(policy.recommender, NOW, BECAUSE, NOW)
    later = NOW + HOUR
    drifted(policy.recommender, later, BECAUSE, later)
    assert runs(policy).get().coalesced_fires == 0
    drifted(policy.recommender, later, BECAUSE, NOW + 2 * HOUR)
    assert runs(policy).get().coalesced_fires == 1


def test_without_new_samples_nothing_is_claimed_until_some_have_arrived(policy, append):
    drifted(policy.recommender, NOW, BECAUSE, NOW)
    policy.refresh_from_db()
    assert (runs(policy).count(), policy.skipped_fires, policy.last_due_at) == (0, 0, None)
    append(policy.recommender, 10)
    drifted(policy.recommender, NOW, BECAUSE, NOW + timedelta(minutes=1))
    assert runs(policy).count() == 1


@pytest.mark.parametrize("field", [{"enabled": False}, {"hold_reason": "rolled back"}])
def test_a_paused_or_held_policy_does_not_fire_on_drift(policy, append, field):
    append(policy.recommender, 10)
    UpdatePolicy.objects.update(**field)
    drifted(policy.recommender, NOW, BECAUSE, NOW)
    assert not runs(policy).exists()


def test_several_processes_at_once_fire_once(policy, append):
    append(policy.recommender, 10)
    barrier = threading.Barrier(4)

    def tell():
        barrier.wait()
        drifted(policy.recommender, NOW, BECAUSE, NOW)
        connection.close()

    threads = [threading.Thread(target=tell) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert runs(policy).get().coalesced_fires == 0


def test_policies_with_other_triggers_do_not_fire_on_drift(live, append):
    hourly = live.recommender.policies.create(
        name="hourly", strategy="incremental", trigger="interval", interval_seconds=3600
    )
    append(live.recommender, 10)
    drifted(live.recommender, NOW, BECAUSE, NOW)
    assert not runs(hourly).exists()


def test_worse_predictions_fire_a_staleness_policy_and_then_it_rests(live, append):
    policy = live.recommender.policies.create(
        name="fresh", strategy="incremental", trigger="staleness", max_ne_degradation=0.01
    )
    append(live.recommender, 10)
    for minutes in (0, 59, 60):
        policy.refresh_from_db()
        degraded(policy, "NE is 0.9.", NOW + timedelta(minutes=minutes))
    run = runs(policy).get()
    assert (run.reason, run.coalesced_fires) == ("NE is 0.9.", 1)
