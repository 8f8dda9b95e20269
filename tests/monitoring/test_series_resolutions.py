"""A plot has the finest points that are kept for its span, and no more than it can show."""

from datetime import timedelta
from random import Random

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from monitoring import series
from monitoring.models import MinutePoint, TenSecondPoint
from monitoring.retention import prune
from monitoring.roll_up import roll_up
from monitoring.series import Measurement, newest_by_policy, record, record_all, resolution
from tests.monitoring.conftest import NOW

SECOND, MINUTE, HOUR, DAY = (timedelta(seconds=s) for s in (1, 60, 3600, 86_400))


@pytest.fixture
def news(make_recommender):
    return make_recommender()


def keep(now):
    roll_up(now)
    prune(now)


def read(recommender, name, start, end, **kwargs):
    """As (seconds since NOW, value)."""
    found = series.read(recommender, name, start, end, **kwargs)
    return [(t // 1000 - int(NOW.timestamp()), value) for t, value in found]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "span, seconds",
    [
        (HOUR, 10),
        (2 * DAY, 10),
        (2 * DAY + SECOND, 60),
        (30 * DAY, 60),
        (30 * DAY + SECOND, 3600),
        (3650 * DAY, 3600),
    ],
)
def test_the_span_decides_how_fine_points_are(span, seconds):
    assert resolution(NOW - span, NOW).seconds == seconds


def test_where_fine_points_are_deleted_there_are_the_next_coarser(news):
    record(news, {"ne": 1.0}, NOW)
    keep(NOW + 50 * DAY)
    for ago, seconds in ((HOUR, 10), (3 * DAY, 60), (40 * DAY, 3600)):
        start = NOW + 50 * DAY - ago
        assert resolution(start, start + HOUR).seconds == seconds
    assert read(news, "ne", NOW - HOUR, NOW + HOUR) == [(0, 1.0)]


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(st.integers(0, 9000), st.floats(-1e6, 1e6, allow_subnormal=False)), max_size=20
    ),
    st.integers(0, 12_000),
    st.integers(0, 9000),
)
@pytest.mark.parametrize("name", ["ne", "run_cpu_seconds", "seen_features"])
@pytest.mark.parametrize("days", [20, 40])
def test_a_plot_is_the_same_however_far_the_roll_up_has_come(
    news, name, days, written, rolled_up_at, until
):
    for model in (TenSecondPoint, MinutePoint, series.Series):
        model.objects.all().delete()
    for seconds, value in written:
        record(news, {name: value}, NOW + seconds * SECOND)
    end = NOW + until * SECOND
    before = read(news, name, end - days * DAY, end)
    roll_up(NOW + rolled_up_at * SECOND)
    during = read(news, name, end - days * DAY, end)
    roll_up(NOW + DAY)
    after = read(news, name, end - days * DAY, end)
    assert [t for t, _ in before] == [t for t, _ in during] == [t for t, _ in after]
    for t, value in before:
        assert dict(during)[t] == dict(after)[t] == pytest.approx(value, rel=1e-9, abs=1e-6)


def test_a_cell_is_whole_also_where_the_range_ends_within(news):
    for seconds, value in ((0, 1.0), (50, 3.0)):
        record(news, {"ne": value}, NOW + seconds * SECOND)
    for _ in range(2):
        assert read(news, "ne", NOW - 9 * DAY, NOW + 20 * SECOND) == [(0, 2.0)]
        roll_up(NOW + HOUR)


def test_what_holds_is_known_when_the_point_that_said_it_is_deleted(news):
    record(news, {"seen_features": 5}, NOW)
    keep(NOW + 90 * DAY)
    found = read(news, "seen_features", NOW + 90 * DAY - HOUR, NOW + 90 * DAY)
    assert [value for _, value in found] == [5, 5]


def test_the_newest_value_of_a_policy_outlives_its_fine_points(news, make_policy):
    weekly, never = make_policy(news, "weekly"), make_policy(news, "never")
    for value in (6 * DAY, 7 * DAY):
        record(news, {"achieved_cadence_seconds": value.total_seconds()}, NOW + value, weekly)
    for now in (NOW + 8 * DAY, NOW + 60 * DAY):
        keep(now)
        found = newest_by_policy(news, "achieved_cadence_seconds")
        assert found == {weekly.pk: (7 * DAY).total_seconds()}
        assert never.pk not in found


@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 3000), st.integers(2, 1000), st.randoms(use_true_random=False))
@example(count=9, points=2, random=Random(1))
def test_a_plot_never_has_more_points_than_asked_for_and_keeps_both_ends(
    news, count, points, random
):
    TenSecondPoint.objects.all().delete()
    start = NOW - 10 * count * SECOND
    record_all(
        Measurement(news.pk, "ne", random.random(), start + 10 * i * SECOND) for i in range(count)
    )
    found = read(news, "ne", start, NOW, points=points)
    assert len(found) == min(count, points)
    if found:
        assert (found[0][0], found[-1][0]) == (-10 * count, -10)
    assert [t for t, _ in found] == sorted({t for t, _ in found})
