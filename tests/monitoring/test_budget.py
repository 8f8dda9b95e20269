"""The error budget: how long it was overdue, and how fast it uses what it may be."""

from datetime import timedelta

import pytest
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from monitoring import metrics
from monitoring.alerts.conditions import conditions
from monitoring.budget import MONTH, WEEK, Window, burning, windows
from monitoring.fleet import log_heads
from monitoring.roll_up import roll_up
from monitoring.series import Measurement, record_all
from monitoring.tasks import observe
from tests.monitoring.conftest import NOW, text

HOUR, SIX_HOURS, FIVE_MINUTES = timedelta(hours=1), timedelta(hours=6), timedelta(minutes=5)


@pytest.fixture
def measured(make_recommender):
    """``measured((length, share), …)``: a recommender that was fresh so much of each time in turn;
    the last ends at NOW. None: nothing was measured."""
    recommender = make_recommender()

    def measure(*times):
        at = NOW - sum((length for length, _ in times), timedelta())
        points = []
        for length, share in times:
            for i in range(int(length.total_seconds()) // 10):
                if share is not None:
                    fresh = float((i + 1) * share // 1 > i * share // 1)
                    points.append((at + timedelta(seconds=10 * i), fresh))
            at += length
        record_all(
            Measurement(recommender.pk, metrics.FRESH_SHARE, value, at) for at, value in points
        )
        with time_machine.travel(NOW, tick=False):
            roll_up(NOW)
        return recommender

    return measure


def window(recommender, length):
    return windows([recommender], [length], NOW)[recommender.pk][0]


def test_what_was_never_measured_has_all_its_budget_and_no_share(make_recommender):
    found = window(make_recommender(), WEEK)
    assert (found.fresh_share, found.known_share, found.budget_left) == (None, 0.0, 1.0)


def test_an_hour_that_was_fresh_by_half_is_half_fresh(measured):
    found = window(measured((HOUR, 0.5)), HOUR)
    assert found.fresh_share == pytest.approx(0.5, abs=0.01)
    assert found.known_share == pytest.approx(1, abs=0.04)


def test_two_hours_overdue_in_a_week_use_more_than_one_percent_of_it_allows(measured):
    found = window(measured((timedelta(hours=10), 1), (2 * HOUR, 0)), WEEK)
    assert found.fresh_share == pytest.approx(10 / 12, abs=0.003)
    assert found.burn_rate == pytest.approx(2 / (168 * 0.01), rel=0.02)
    assert found.budget_left == pytest.approx(1 - 2 / 1.68, abs=0.02)


def test_time_that_is_not_known_uses_no_budget(measured):
    found = window(measured((HOUR, None), (FIVE_MINUTES, 0)), HOUR)
    assert found.burn_rate == pytest.approx(5 / 60 / 0.01, rel=0.25)


def test_a_stricter_objective_burns_faster(measured):
    recommender = measured((HOUR, 0.9))
    recommender.freshness_slo = 0.999
    assert window(recommender, HOUR).burn_rate == pytest.approx(100, rel=0.1)


@pytest.mark.parametrize(
    ("times", "burns"),
    [
        ([(SIX_HOURS, 1)], False),
        # 10 minutes of an hour are 17 times as fast as 1 % allows.
        ([(SIX_HOURS, 1), (2 * FIVE_MINUTES, 0)], True),
        # The same, but over: nobody needs to be woken any more.
        ([(SIX_HOURS, 1), (2 * FIVE_MINUTES, 0), (timedelta(minutes=40), 1)], False),
        # Each time short, again and again: a tenth of six hours.
        ([(SIX_HOURS, 0.9)], True),
        ([(SIX_HOURS, 0.97)], False),
    ],
)
def test_a_budget_burns_where_a_long_and_a_short_window_do(times, burns, measured):
    recommender = measured(*times)
    assert (recommender.pk in burning([recommender], NOW)) is burns


def test_a_burning_budget_is_an_alert_that_says_how_long_it_was_overdue(measured, valkey):
    recommender = measured((SIX_HOURS, 1), (2 * FIVE_MINUTES, 0))
    found = conditions([recommender], log_heads([recommender]), NOW)
    condition = found[recommender.pk, "budget-burning", ""]
    assert condition.summary.startswith("Overdue for 9 min of the last 1 h")
    assert condition.objective == "fresh or idle for 0.99 of the time"


def test_many_recommenders_take_two_queries(make_recommender, django_assert_num_queries):
    many = [make_recommender(slug=f"r{i}") for i in range(5)]
    with django_assert_num_queries(2):
        assert len(burning(many, NOW)) == 0
        # The first time it was asked; now all windows that are shown.
    with django_assert_num_queries(2):
        windows(many, [WEEK, MONTH, HOUR, SIX_HOURS], NOW)


@given(
    st.floats(0.5, 0.9999),
    st.floats(0, 1),
    st.floats(0, 1),
    st.sampled_from([HOUR, SIX_HOURS, WEEK, MONTH]),
)
def test_the_budget_is_used_up_exactly_when_the_objective_is_missed(slo, known, share, length):
    known_seconds = known * length.total_seconds()
    found = Window(length, slo, share * known_seconds, known_seconds)
    assert found.burn_rate >= 0
    overdue = (1 - share) * known
    if abs(overdue - (1 - slo)) > 1e-9:
        assert (found.budget_left < 0) == (overdue > 1 - slo)


def test_fresh_and_idle_time_is_recorded_and_time_without_a_model_is_not(
    make_recommender, make_live, valkey
):
    idle, nothing = make_recommender(), make_recommender(slug="nothing-live")
    make_live(idle)
    with time_machine.travel(NOW - FIVE_MINUTES, tick=False):
        observe()
    roll_up(NOW)
    with time_machine.travel(NOW, tick=False):
        shares = [window(r, HOUR).fresh_share for r in (idle, nothing)]
    assert shares == [1.0, None]


def test_the_api_and_the_page_say_what_is_left(as_viewer, measured):
    recommender = measured((timedelta(hours=10), 1), (2 * HOUR, 0))
    with time_machine.travel(NOW, tick=False):
        budget = as_viewer.get(f"/api/v1/recommenders/{recommender.slug}/freshness").json()
        words = text(as_viewer.get(f"/recommenders/{recommender.slug}/headline/"))
    assert budget["budget"]["slo"] == 0.99
    week = budget["budget"]["windows"][0]
    assert week["seconds"] == WEEK.total_seconds()
    assert week["budget_left"] == pytest.approx(1 - 2 / 1.68, abs=0.02)
    assert "83." in words.partition("Fresh, 7 days")[2][:8]
    assert "of it known" in words
