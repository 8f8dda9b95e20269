"""Changing a cadence: no fire lost, none doubled, none by the edit itself, and a receipt."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from updates.cadence import Cadence, CadenceError, Trigger
from updates.flows.append_samples import append_samples
from updates.flows.change_cadence import change_cadence
from updates.models import CadenceChange, UpdatePolicy, UpdateRun
from updates.models.append_only import AppendOnlyError
from updates.scheduling import tick

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def clock():
    """The time is what it is moved to, noon at first."""
    with time_machine.travel(NOON, tick=False) as traveller:
        yield traveller


@pytest.fixture
def hourly(clock, make_recommender, make_batch, valkey):
    """Created at noon, with samples to learn: first due at one."""
    recommender = make_recommender()
    append_samples(recommender, make_batch(10), batch_id="ten")
    return recommender.policies.create(
        name="hourly", strategy="full", trigger="interval", interval_seconds=3600
    )


def every(seconds):
    return Cadence(Trigger.INTERVAL, interval_seconds=seconds)


def cron(expression, timezone="UTC"):
    return Cadence(Trigger.CRON, cron=expression, timezone=timezone)


def due(policy):
    policy.refresh_from_db()
    return policy.next_due_at


def test_the_new_cadence_counts_from_the_last_fire(hourly, clock):
    tick(NOON + HOUR)
    clock.move_to(NOON + HOUR + timedelta(minutes=5))
    change_cadence(hourly, every(600))
    assert due(hourly) == NOON + HOUR + timedelta(minutes=10)


def test_before_its_first_fire_it_counts_from_the_change(hourly, clock):
    clock.move_to(NOON + timedelta(minutes=7))
    change_cadence(hourly, every(600))
    assert due(hourly) == NOON + timedelta(minutes=17)


def test_the_edit_itself_fires_nothing(hourly, clock):
    tick(NOON + HOUR)
    clock.move_to(NOON + HOUR + timedelta(minutes=50))
    change_cadence(hourly, every(60))  # many minutes have passed since the last fire
    tick(NOON + HOUR + timedelta(minutes=50))
    assert UpdateRun.objects.count() == 1
    assert due(hourly) == NOON + HOUR + timedelta(minutes=51)


def test_a_fire_that_had_fallen_due_is_run_and_not_lost(hourly, clock):
    clock.move_to(NOON + HOUR + timedelta(seconds=1))
    receipt = change_cadence(hourly, every(86_400))
    assert receipt.claimed_due_at == NOON + HOUR
    assert UpdateRun.objects.get().due_at == NOON + HOUR
    assert due(hourly) == NOON + HOUR + timedelta(days=1)


def test_a_fire_claimed_by_the_change_is_not_claimed_by_the_tick_too(hourly, clock):
    clock.move_to(NOON + HOUR)
    change_cadence(hourly, every(60))
    tick(NOON + HOUR)
    run = UpdateRun.objects.get()
    assert run.coalesced_fires == 0


def test_the_new_cadence_is_in_force_at_the_next_tick(hourly, clock):
    change_cadence(hourly, cron("30 12 * * *"))
    tick(NOON + timedelta(minutes=30))
    assert UpdateRun.objects.get().due_at == NOON + timedelta(minutes=30)


def test_the_receipt_tells_the_next_ten_fires_before_and_after(hourly, operator):
    receipt = change_cadence(hourly, cron("0 3 * * *", "Europe/Berlin"), by=operator)
    assert receipt.fires_before == [NOON + HOUR * n for n in range(1, 11)]
    nights = [NOON.replace(day=2, hour=2) + timedelta(days=n) for n in range(10)]
    assert receipt.fires_after == nights
    assert (receipt.changed_at, receipt.changed_by) == (NOON, operator)
    assert (receipt.before["trigger"], receipt.after["cron"]) == ("interval", "0 3 * * *")


def test_what_the_receipt_promises_is_what_then_fires(hourly, clock):
    receipt = change_cadence(hourly, cron("*/20 * * * *"))
    for fire in receipt.fires_after:
        tick(fire - timedelta(seconds=1))
        tick(fire)
        UpdateRun.objects.filter(due_at=fire).get().move("cancelled")
    assert UpdateRun.objects.count() == 10


@pytest.mark.parametrize("trigger", [Trigger.SAMPLES, Trigger.STALENESS, Trigger.MANUAL])
def test_without_a_timetable_nothing_is_due_any_more(hourly, trigger):
    receipt = change_cadence(hourly, Cadence(trigger, every_samples=100))
    assert due(hourly) is None
    assert receipt.fires_after == []


def test_back_on_a_timetable_it_is_due_again(hourly):
    change_cadence(hourly, Cadence(Trigger.MANUAL))
    change_cadence(hourly, every(600))
    assert due(hourly) == NOON + timedelta(minutes=10)


def test_changing_to_every_so_many_samples_fires_nothing_by_itself(hourly):
    change_cadence(hourly, Cadence(Trigger.SAMPLES, every_samples=4))  # ten are in the log
    tick(NOON)
    assert not UpdateRun.objects.exists()


def test_samples_that_have_arrived_since_the_last_fire_count_for_the_next(hourly, make_batch):
    change_cadence(hourly, Cadence(Trigger.SAMPLES, every_samples=4))
    append_samples(hourly.recommender, make_batch(2, first=10), batch_id="two")  # 4, 8, 12
    tick(NOON)
    assert UpdateRun.objects.count() == 1


def test_a_paused_policy_is_changed_and_stays_paused(hourly, clock):
    UpdatePolicy.objects.update(enabled=False)
    clock.move_to(NOON + HOUR * 3)
    receipt = change_cadence(hourly, every(600))
    assert receipt.claimed_due_at is None
    tick(NOON + HOUR * 5)
    assert not UpdateRun.objects.exists()


def test_a_senseless_cadence_changes_nothing(hourly):
    before = UpdatePolicy.objects.values().get()
    with pytest.raises(CadenceError, match="is no cron expression"):
        change_cadence(hourly, cron("soon"))
    assert UpdatePolicy.objects.values().get() == before
    assert not CadenceChange.objects.exists()


def test_only_the_cadence_is_written(hourly):
    stale = UpdatePolicy.objects.get()
    UpdatePolicy.objects.update(min_samples=7, hold_reason="Rolled back to v1")
    change_cadence(stale, every(60))
    hourly.refresh_from_db()
    assert (hourly.min_samples, hourly.hold_reason) == (7, "Rolled back to v1")


def test_who_changed_it_is_in_the_history_of_the_policy(hourly, operator):
    change_cadence(hourly, every(60), by=operator)
    assert hourly.history.first().history_user == operator


def test_a_receipt_cannot_be_changed_later(hourly):
    receipt = change_cadence(hourly, every(60))
    receipt.changed_at = NOON - HOUR
    with pytest.raises(AppendOnlyError):
        receipt.save()


CADENCES = st.one_of(
    st.integers(1, 7200).map(every),
    st.sampled_from(["*/7 * * * *", "0 * * * *", "30 13 * * *"]).map(cron),
)
STEPS = st.lists(st.tuples(st.integers(1, 5000), CADENCES), min_size=1, max_size=6)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=STEPS)
def test_however_often_it_is_changed_each_fire_comes_once_and_never_early(hourly, clock, steps):
    """Between changes the tick looks every so often; runs end at once."""
    UpdateRun.objects.all().delete()
    UpdatePolicy.objects.update(
        trigger="interval", interval_seconds=3600, next_due_at=NOON + HOUR, last_due_at=None
    )
    now = NOON
    for seconds, cadence in steps:
        now += timedelta(seconds=seconds)
        clock.move_to(now)
        expected = due(hourly) if due(hourly) <= now else None
        runs = UpdateRun.objects.count()
        receipt = change_cadence(hourly, cadence)
        assert receipt.claimed_due_at == expected
        assert UpdateRun.objects.count() == runs + (expected is not None)
        assert due(hourly) > now
        for run in UpdateRun.objects.filter(state="queued"):
            run.move("cancelled")
    fires = list(UpdateRun.objects.order_by("due_at").values_list("due_at", flat=True))
    assert len(fires) == len(set(fires))
