"""Freshness by dated examples: objective one hour, grace ten minutes, it is noon."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.freshness import FreshnessState, LiveFacts, LogFacts, freshness

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, TEN_MINUTES = 3600, 600


def at(hour, minute=0, second=0):
    return datetime(2026, 3, 1, hour, minute, second, tzinfo=UTC)


def judge(live, log):
    return freshness(live, log, objective_seconds=HOUR, grace_seconds=TEN_MINUTES, now=NOON)


WAITING = LogFacts(last_offset=150, newest_event_time=at(11, 59))


@pytest.mark.parametrize(
    ("watermark", "state", "age", "lag"),
    [
        (at(11, 30), "fresh", 1800, 29 * 60),
        (at(11, 0), "fresh", 3600, 59 * 60),
        (at(10, 59, 59), "aging", 3601, 59 * 60 + 1),
        (at(10, 50), "aging", 4200, 69 * 60),
        (at(10, 49, 59), "stale", 4201, 69 * 60 + 1),
        (at(0), "stale", 43_200, 719 * 60),
    ],
)
def test_with_samples_waiting_the_state_goes_by_age(watermark, state, age, lag):
    found = judge(LiveFacts(watermark, next_offset=101), WAITING)
    assert (found.state, found.age_seconds, found.lag_seconds) == (state, age, lag)
    assert found.backlog_samples == 50


def test_with_nothing_waiting_it_is_idle_and_lags_by_nothing_however_old():
    found = judge(LiveFacts(at(0), next_offset=151), WAITING)
    assert (found.state, found.lag_seconds, found.backlog_samples) == ("idle", 0, 0)
    assert found.age_seconds == 12 * HOUR


def test_with_nothing_live_it_is_unknown_and_every_sample_waits():
    found = judge(None, WAITING)
    assert found.state is FreshnessState.UNKNOWN
    assert (found.age_seconds, found.lag_seconds, found.backlog_samples) == (None, None, 150)


def test_late_samples_wait_without_making_the_model_lag():
    log = LogFacts(last_offset=150, newest_event_time=at(11, 20))
    found = judge(LiveFacts(at(11, 30), next_offset=101), log)
    assert (found.lag_seconds, found.backlog_samples) == (0, 50)


def test_a_log_that_does_not_answer_leaves_lag_and_backlog_open():
    found = judge(LiveFacts(at(10), next_offset=101), None)
    assert (found.state, found.lag_seconds, found.backlog_samples) == ("stale", None, None)


def test_a_watermark_in_the_future_is_no_younger_than_new():
    assert judge(LiveFacts(at(13), next_offset=1), WAITING).age_seconds == 0


@given(
    watermark=st.datetimes(timezones=st.just(UTC), min_value=datetime(2020, 1, 1)),  # noqa: DTZ001
    next_offset=st.integers(1, 300),
    last_offset=st.integers(0, 300),
)
def test_no_number_is_ever_negative(watermark, next_offset, last_offset):
    log = LogFacts(last_offset, NOON - timedelta(hours=1) if last_offset else None)
    found = judge(LiveFacts(watermark, next_offset), log)
    assert found.age_seconds >= 0
    assert found.backlog_samples >= 0
    assert found.lag_seconds is None or found.lag_seconds >= 0
