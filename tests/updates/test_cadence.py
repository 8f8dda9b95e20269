"""When a policy fires, by dates: on time, late, across the change of clocks."""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from updates.cadence import Cadence, CadenceError, Trigger

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOURLY = Cadence(Trigger.INTERVAL, interval_seconds=3600)
TIMES = st.integers(0, 15 * 366 * 86_400).map(lambda s: NOON - timedelta(seconds=s))


def cron(expression, timezone="UTC"):
    return Cadence(Trigger.CRON, cron=expression, timezone=timezone)


def at(hour, minute=0, day=1, month=3):
    return datetime(2026, month, day, hour, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("after", "fire"),
    [
        (at(12), at(13)),  # just fired
        (at(12, 59), at(13)),  # on time
        (at(13), at(14)),  # at the very second: that fire is the one being claimed
        (at(13, 10), at(14)),  # ten minutes late: the grid stays
        (at(17, 30), at(18)),  # four fires missed: one next fire, no making up
        (at(11), at(13)),  # the clock was set back: not earlier than an interval after the last
    ],
)
def test_an_interval_fires_on_the_grid_of_its_last_fire(after, fire):
    assert HOURLY.next_fire(last=at(12), after=after) == fire


@given(last=TIMES, late=st.integers(0, 10**7), seconds=st.integers(1, 10**6))
def test_an_interval_s_next_fire_is_the_first_of_its_grid_in_the_future(last, late, seconds):
    after = last + timedelta(seconds=late)
    fire = Cadence(Trigger.INTERVAL, interval_seconds=seconds).next_fire(last=last, after=after)
    assert after < fire <= after + timedelta(seconds=seconds)
    assert (fire - last) % timedelta(seconds=seconds) == timedelta(0)


@given(now=TIMES, seconds=st.integers(1, 10**6))
def test_a_schedule_that_begins_now_fires_in_the_future(now, seconds):
    assert Cadence(Trigger.INTERVAL, interval_seconds=seconds).first_fire(now) > now


@given(
    now=TIMES,
    minute=st.integers(0, 59),
    hour=st.integers(0, 23),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata"]),
)
def test_a_daily_cron_fires_once_a_local_day_and_always_in_the_future(now, minute, hour, zone):
    fires = list(islice(cron(f"{minute} {hour} * * *", zone).fires(last=now, after=now), 5))
    days = [fire.astimezone(ZoneInfo(zone)).date() for fire in fires]
    assert fires[0] > now
    assert all(later - earlier == timedelta(days=1) for earlier, later in pairwise(days))


def test_cron_keeps_local_time_when_clocks_go_forward():
    fires = cron("0 12 * * *", "Europe/Berlin").fires(last=NOON, after=at(13, day=28))
    assert list(islice(fires, 2)) == [at(10, day=29), at(10, day=30)]


def test_cron_keeps_local_time_when_clocks_go_back():
    fires = cron("0 12 * * *", "Europe/Berlin").fires(last=NOON, after=at(9, day=24, month=10))
    assert list(islice(fires, 2)) == [at(10, day=24, month=10), at(11, day=25, month=10)]


def test_a_local_time_that_the_clocks_skip_fires_once_all_the_same():
    fires = list(islice(cron("30 2 * * *", "Europe/Berlin").fires(NOON, at(12, day=28)), 2))
    local = [fire.astimezone(ZoneInfo("Europe/Berlin")) for fire in fires]
    assert [fire.day for fire in local] == [29, 30]
    assert fires[1] == at(0, 30, day=30)


def test_a_local_time_that_comes_twice_fires_once():
    after = at(12, day=24, month=10)
    fires = list(islice(cron("30 2 * * *", "Europe/Berlin").fires(after, after), 2))
    assert [fire.astimezone(ZoneInfo("Europe/Berlin")).day for fire in fires] == [25, 26]


def test_fires_are_told_in_utc():
    fire = cron("0 3 * * *", "Asia/Kolkata").first_fire(NOON)
    assert fire == at(21, 30)
    assert fire.tzinfo is UTC


def test_cron_missed_for_days_has_one_next_fire():
    nightly = cron("0 3 * * *")
    assert nightly.next_fire(last=at(3), after=at(12, day=9)) == at(3, day=10)


@pytest.mark.parametrize(
    ("cadence", "missed"),
    [
        (HOURLY, 3),
        (cron("*/30 * * * *"), 7),
        (Cadence(Trigger.MANUAL), 0),
    ],
)
def test_fires_missed_are_those_after_the_due_one_up_to_now(cadence, missed):
    assert cadence.missed(due=at(9), now=at(12, minute=30)) == missed
    assert cadence.missed(due=at(9), now=at(9, minute=29)) == 0


def test_the_preview_begins_with_the_fire_that_is_due():
    fires = HOURLY.preview(at(11), count=3)
    assert fires == [at(11), at(12), at(13)]


@pytest.mark.parametrize("trigger", [Trigger.SAMPLES, Trigger.STALENESS, Trigger.MANUAL])
def test_what_has_no_timetable_has_no_next_fire(trigger):
    cadence = Cadence(trigger, every_samples=100)
    assert not cadence.timed
    assert cadence.first_fire(NOON) is None
    assert cadence.next_fire(last=NOON, after=NOON) is None
    assert cadence.preview(NOON) == []


@pytest.mark.parametrize(
    ("cadence", "field", "said"),
    [
        (Cadence(Trigger.INTERVAL), "interval_seconds", "at least 1 second"),
        (Cadence(Trigger.INTERVAL, interval_seconds=0), "interval_seconds", "at least 1 second"),
        (Cadence(Trigger.SAMPLES), "every_samples", "at least 1"),
        (Cadence(Trigger.DRIFT), "rest_seconds", "at least 60 seconds"),
        (cron(""), "cron", "“” is no cron expression"),
        (cron("0 25 * * *"), "cron", "“0 25 * * *” is no cron expression: Bad hour"),
        (cron("0 0 31 2 *"), "cron", "“0 0 31 2 *”"),
        (cron("0 3 * * *", "Mars/Olympus"), "timezone", "“Mars/Olympus” is no time zone."),
        (cron("0 3 * * *", "../../etc/passwd"), "timezone", "is no time zone."),
    ],
)
def test_a_senseless_cadence_names_its_field(cadence, field, said):
    with pytest.raises(CadenceError) as refusal:
        cadence.validate()
    assert refusal.value.field == field
    assert said in str(refusal.value)


@pytest.mark.parametrize(
    "cadence",
    [
        HOURLY,
        cron("*/5 9-17 * * MON-FRI", "Europe/Berlin"),
        Cadence(Trigger.SAMPLES, every_samples=1),
        Cadence(Trigger.STALENESS),
        Cadence(Trigger.MANUAL),
    ],
)
def test_a_sensible_cadence_is_accepted(cadence):
    with time_machine.travel(NOON, tick=False):
        cadence.validate()


def test_a_cadence_comes_back_from_its_json():
    assert Cadence(**cron("0 3 * * *", "Europe/Berlin").to_json()) == cron(
        "0 3 * * *", "Europe/Berlin"
    )
