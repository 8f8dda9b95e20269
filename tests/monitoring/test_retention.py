"""What is no longer kept is deleted: after it was rolled up, and a little at a time."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection

from monitoring import retention
from monitoring.models import HourPoint, MinutePoint, Series, TenSecondPoint
from monitoring.retention import prune
from monitoring.roll_up import roll_up
from monitoring.series import record
from monitoring.tasks import keep_series
from tests.monitoring.conftest import NOW
from tests.monitoring.killed import killed_at

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def news(make_recommender):
    return make_recommender()


def ages(model):
    """How many hours before NOW its points are, the oldest first."""
    times = model.objects.order_by("t").values_list("t", flat=True)
    return [(NOW.timestamp() - t) / 3600 for t in times]


def keep(now):
    roll_up(now)
    prune(now)


def test_points_are_kept_for_two_days_minutes_for_thirty_and_hours_for_ever(news):
    for hours in (3, 47, 49, 30 * 24 - 1, 30 * 24 + 1, 9000):
        record(news, {"ne": 1.0}, NOW - hours * HOUR)
    keep(NOW)
    assert ages(TenSecondPoint) == [47, 3]
    assert ages(MinutePoint) == [719, 49, 47, 3]
    assert ages(HourPoint) == [9000, 721, 719, 49, 47, 3]


def test_the_background_rolls_up_before_it_deletes(news):
    record(news, {"ne": 1.0}, NOW)
    with time_machine.travel(NOW + 3 * DAY, tick=False):
        keep_series()
    assert not TenSecondPoint.objects.exists()
    assert MinutePoint.objects.get().value == HourPoint.objects.get().value == 1.0


def test_only_whole_hours_are_deleted(news):
    for minutes in (0, 20, 59, 60):
        record(news, {"ne": 1.0}, NOW + timedelta(minutes=minutes))
    keep(NOW + 2 * DAY + timedelta(minutes=59))
    assert TenSecondPoint.objects.count() == 4
    keep(NOW + 2 * DAY + timedelta(minutes=60))
    assert ages(TenSecondPoint) == [-1]


def test_nothing_is_deleted_that_is_not_rolled_up(news):
    record(news, {"ne": 1.0}, NOW)
    prune(NOW + 9 * DAY)
    assert TenSecondPoint.objects.exists()
    keep(NOW + 9 * DAY)
    assert not TenSecondPoint.objects.exists()
    assert MinutePoint.objects.exists()


def test_points_older_than_is_kept_do_not_change_what_was_rolled_up(news):
    record(news, {"ne": 1.0}, NOW)
    keep(NOW + 3 * DAY)
    record(news, {"ne": 9.0}, NOW + timedelta(seconds=10))
    keep(NOW + 3 * DAY + HOUR)
    assert [p.value for p in (*MinutePoint.objects.all(), *HourPoint.objects.all())] == [1, 1]
    assert not TenSecondPoint.objects.exists()


def test_a_statement_deletes_a_bounded_number_of_points(news, make_recommender, monkeypatch):
    monkeypatch.setattr(retention, "MOST_ROWS", 7)
    for of in (news, make_recommender("other")):
        for second in range(0, 300, 10):
            record(of, {"ne": 1.0}, NOW + timedelta(seconds=second))
    roll_up(NOW + DAY)
    deleted = []

    def statement(execute, sql, params, many, context):
        result = execute(sql, params, many, context)
        if sql.startswith("DELETE"):
            deleted.append(context["cursor"].rowcount)
        return result

    with connection.execute_wrapper(statement):
        prune(NOW + 3 * DAY)
    assert sum(deleted) == 60
    assert max(deleted) == 7
    assert not TenSecondPoint.objects.exists()


def test_where_nothing_is_to_be_deleted_nothing_is_written(news):
    record(news, {"ne": 1.0}, NOW)
    keep(NOW + 3 * DAY)
    written = []

    def statement(execute, sql, *args):
        written.extend([sql] if not sql.startswith(("SELECT", "SAVEPOINT", "RELEASE")) else [])
        return execute(sql, *args)

    with connection.execute_wrapper(statement):
        prune(NOW + 3 * DAY + timedelta(minutes=1))
    assert written == []


def test_whoever_is_killed_in_between_has_done_a_part_of_what_the_next_does(news):
    statement = 0
    while TenSecondPoint.objects.exists() or not statement:
        record(news, {"ne": 1.0}, NOW - statement * HOUR)
        roll_up(NOW + DAY)
        with killed_at(statement):
            prune(NOW + 9 * DAY)
        statement += 1
        assert statement < 40
    prune(NOW + 9 * DAY)
    assert not TenSecondPoint.objects.exists()
    assert HourPoint.objects.exists()


def test_points_of_a_series_that_is_gone_go_and_those_of_others_stay(news, make_recommender):
    other = make_recommender("other")
    for of in (news, other):
        record(of, {"ne": 1.0, "auc": 0.7}, NOW)
    roll_up(NOW + 2 * HOUR)
    news.delete()
    prune(NOW + 2 * HOUR)
    left = set(Series.objects.filter(recommender=other).values_list("pk", flat=True))
    for model in (TenSecondPoint, MinutePoint, HourPoint):
        assert set(model.objects.values_list("series", flat=True)) == left
