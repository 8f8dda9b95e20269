"""Minutes and hours say what the points in them say, whatever happens in between."""

import math
from collections import defaultdict
from datetime import timedelta
from threading import Event, Thread

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitoring import roll_up as roll_up_module
from monitoring.metrics import METRICS, Aggregate
from monitoring.models import HourPoint, MinutePoint, PendingCell, Retention, Series, TenSecondPoint
from monitoring.roll_up import roll_up
from monitoring.series import record
from tests.monitoring.conftest import NOW
from tests.monitoring.killed import killed_at

SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)
START = int(NOW.timestamp())
# One of each way to aggregate.
NAMES = ("ne", "run_cpu_seconds", "seen_features")


@pytest.fixture
def news(make_recommender):
    return make_recommender()


def points(model):
    """What a table holds, by name of the series and seconds since NOW."""
    rows = model.objects.values_list("series__name", "t", "value")
    return {(name, t - START): value for name, t, value in rows}


def aggregated(width):
    """What the recorded points come to, computed from them alone."""
    cells = defaultdict(list)
    for (name, t), value in sorted(points(TenSecondPoint).items()):
        cells[name, t // width * width].append(value)
    how = {
        Aggregate.MEAN: lambda values: math.fsum(values) / len(values),
        Aggregate.SUM: math.fsum,
        Aggregate.LAST: lambda values: values[-1],
    }
    return {key: how[METRICS[key[0]].aggregate](values) for key, values in cells.items()}


def about(expected):
    return pytest.approx(expected, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize(
    "name, expected", [("ne", 3.0), ("run_cpu_seconds", 9.0), ("seen_features", 2.0)]
)
def test_a_minute_is_the_mean_the_sum_or_the_last_of_its_points(news, name, expected):
    for seconds, value in ((10, 1.0), (20, 6.0), (50, 2.0)):
        record(news, {name: value}, NOW + seconds * SECOND)
    roll_up(NOW + HOUR)
    assert points(MinutePoint) == {(name, 0): expected}
    assert MinutePoint.objects.get().count == 3


def test_an_hour_is_the_mean_of_its_points_not_of_its_minutes(news):
    for seconds, value in ((0, 1.0), (10, 1.0), (20, 1.0), (60, 5.0)):
        record(news, {"ne": value}, NOW + seconds * SECOND)
    roll_up(NOW + 2 * HOUR)
    assert points(HourPoint) == {("ne", 0): 2.0}


def test_cells_that_are_not_over_wait(news):
    record(news, {"ne": 1.0}, NOW)
    roll_up(NOW + 59 * SECOND)
    assert points(MinutePoint) == {}
    roll_up(NOW + 2 * MINUTE)
    assert points(MinutePoint) == {("ne", 0): 1.0}
    assert points(HourPoint) == {}
    roll_up(NOW + 2 * HOUR)
    assert points(HourPoint) == {("ne", 0): 1.0}


def test_a_point_that_comes_late_is_rolled_up_again(news):
    record(news, {"ne": 1.0}, NOW)
    roll_up(NOW + 3 * HOUR)
    record(news, {"ne": 3.0}, NOW + 10 * SECOND)
    roll_up(NOW + 4 * HOUR)
    assert points(MinutePoint) == points(HourPoint) == {("ne", 0): 2.0}


def test_what_is_rolled_up_leaves_nothing_to_do(news, django_assert_max_num_queries):
    record(news, {"ne": 1.0}, NOW)
    roll_up(NOW + 3 * HOUR)
    assert not PendingCell.objects.exists()
    with django_assert_max_num_queries(4):
        roll_up(NOW + 4 * HOUR)


def test_a_run_that_takes_too_long_leaves_the_rest_to_the_next(news, monkeypatch):
    for hours in range(3):
        record(news, {"ne": 1.0}, NOW + hours * HOUR)
    monkeypatch.setattr(roll_up_module, "LONGEST_RUN_SECONDS", 0)
    roll_up(NOW + 9 * HOUR)
    assert list(points(MinutePoint)) == [("ne", 0)]
    for _ in range(9):
        roll_up(NOW + 9 * HOUR)
    assert points(HourPoint) == aggregated(3600)


writes = st.tuples(
    st.sampled_from(NAMES),
    st.one_of(st.integers(0, 150), st.integers(3500, 3700)),
    st.floats(-1e6, 1e6, allow_subnormal=False),
)
# At how many seconds it is run, and at which statement it is killed.
runs = st.tuples(st.integers(0, 9000), st.integers(0, 40))


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.one_of(writes, runs), max_size=25))
def test_roll_ups_equal_what_the_points_come_to_whatever_the_order_the_kills_and_the_repeats(
    news, steps
):
    for model in (TenSecondPoint, MinutePoint, HourPoint, PendingCell, Retention, Series):
        model.objects.all().delete()
    for step in steps:
        match step:
            case name, seconds, value:
                record(news, {name: value}, NOW + seconds * SECOND)
            case seconds, statement:
                with killed_at(statement):
                    roll_up(NOW + seconds * SECOND)
    for _ in range(2):
        roll_up(NOW + 10 * HOUR)
        assert points(MinutePoint) == about(aggregated(60))
        assert points(HourPoint) == about(aggregated(3600))


def test_a_write_that_is_killed_leaves_no_point_that_is_not_to_be_rolled_up(news):
    record(news, {"ne": 1.0}, NOW)
    for statement in range(8):
        with killed_at(statement):
            record(news, {"ne": 2.0 + statement}, NOW + statement * MINUTE)
    roll_up(NOW + 3 * HOUR)
    assert points(MinutePoint) == aggregated(60)


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time")
def test_a_point_that_is_committed_after_its_minute_was_rolled_up_is_not_lost(news):
    record(news, {"ne": 1.0}, NOW)
    written, rolled_up = Event(), Event()

    def write():
        with transaction.atomic():
            record(news, {"ne": 3.0}, NOW + 10 * SECOND)
            written.set()
            rolled_up.wait()
        connection.close()

    writer = Thread(target=write)
    writer.start()
    written.wait()
    roll_up(NOW + 3 * HOUR)
    assert points(HourPoint) == {("ne", 0): 1.0}
    rolled_up.set()
    writer.join()
    roll_up(NOW + 3 * HOUR)
    assert points(MinutePoint) == points(HourPoint) == {("ne", 0): 2.0}


@pytest.mark.django_db(transaction=True)
def test_runs_at_once_beside_writers_lose_nothing(news):
    failed = []

    def guarded(act):
        try:
            for i in range(20):
                act(i)
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    def write(i):
        record(news, {"ne": float(i)}, NOW + 7 * i * SECOND)

    threads = [
        Thread(target=guarded, args=[act])
        for act in (write, write, lambda i: roll_up(NOW + HOUR), lambda i: roll_up(NOW + HOUR))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    roll_up(NOW + 3 * HOUR)
    assert points(MinutePoint) == about(aggregated(60))
    assert points(HourPoint) == about(aggregated(3600))
