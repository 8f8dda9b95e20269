"""Measurements over time: written once however often, read back thinned."""

import math
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monitoring import series
from monitoring.metrics import METRICS, UnknownMetric
from monitoring.models import Series, TenSecondPoint
from monitoring.retention import prune
from monitoring.series import Measurement, record, record_all
from tests.monitoring.conftest import NOW

HOUR = timedelta(hours=1)
NOW_MS = round(NOW.timestamp() * 1000)


@pytest.fixture
def news(make_recommender):
    return make_recommender()


def read(recommender, name, *, ago=HOUR, end=NOW, **kwargs):
    return series.read(recommender, name, end - ago, end, **kwargs)


def test_what_is_recorded_is_read_back_with_its_time(news):
    record(news, {"ne": 0.8, "auc": 0.7}, NOW)
    assert read(news, "ne") == [(NOW_MS, 0.8)]
    assert read(news, "auc") == [(NOW_MS, 0.7)]


def test_times_are_cut_to_the_ten_second_grid(news):
    record(news, {"ne": 0.8}, NOW + timedelta(seconds=9.99))
    assert read(news, "ne", end=NOW + HOUR) == [(NOW_MS, 0.8)]


def test_recording_a_cell_again_replaces_it(news):
    record(news, {"ne": 0.8}, NOW)
    record(news, {"ne": 0.9}, NOW + timedelta(seconds=4))
    assert read(news, "ne") == [(NOW_MS, 0.9)]
    assert Series.objects.count() == 1


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_what_is_no_number_is_left_out(news, value):
    record(news, {"ne": value, "auc": 0.5}, NOW)
    assert not read(news, "ne")
    assert read(news, "auc")


def test_an_unknown_name_is_refused_with_the_names_there_are(news):
    with pytest.raises(UnknownMetric, match="must be one of age_seconds"):
        record(news, {"freshness": 1}, NOW)
    with pytest.raises(UnknownMetric):
        read(news, "freshness")


def test_series_of_recommenders_and_policies_are_apart(news, make_recommender, make_policy):
    other = make_recommender(slug="other")
    hourly, daily, others = make_policy(news), make_policy(news, "daily"), make_policy(other)
    name = "achieved_cadence_seconds"
    record_all(
        [
            Measurement(news.pk, name, 1.0, NOW, hourly.pk),
            Measurement(news.pk, name, 2.0, NOW, daily.pk),
            Measurement(other.pk, name, 3.0, NOW, others.pk),
        ]
    )
    assert read(news, name, policy=hourly) == [(NOW_MS, 1.0)]
    assert read(news, name, policy=daily) == [(NOW_MS, 2.0)]
    assert read(news, name) == []


def test_a_policy_keeps_its_series_when_it_is_renamed_and_takes_them_with_it(news, make_policy):
    policy = make_policy(news)
    record(news, {"achieved_cadence_seconds": 1.0}, NOW - timedelta(minutes=1), policy)
    policy.name = "each-hour"
    policy.save(update_fields=["name"])
    record(news, {"achieved_cadence_seconds": 2.0}, NOW, policy)
    found = read(news, "achieved_cadence_seconds", policy=policy)
    assert [value for _, value in found] == [1.0, 2.0]
    policy.delete()
    assert not Series.objects.exists()
    prune(NOW)
    assert not TenSecondPoint.objects.exists()


def test_a_series_of_a_measurement_is_there_once(news, make_policy):
    policy = make_policy(news)
    for of in (None, policy.pk):
        Series.objects.create(recommender=news, name="ne", policy_id=of)
        with pytest.raises(IntegrityError), transaction.atomic():
            Series.objects.create(recommender=news, name="ne", policy_id=of)


def test_only_the_range_asked_for_is_read_both_ends_included(news):
    for minutes in (0, 1, 2, 3):
        record(news, {"ne": minutes}, NOW - timedelta(minutes=minutes))
    found = read(news, "ne", end=NOW - timedelta(minutes=1), ago=timedelta(minutes=1))
    assert [value for _, value in found] == [2, 1]


def test_a_long_series_is_thinned_to_the_points_asked_for_and_keeps_its_peak(news):
    record_all(
        Measurement(news.pk, "ne", 9.0 if i == 777 else 1.0, NOW - timedelta(seconds=10 * i))
        for i in range(2000)
    )
    found = read(news, "ne", ago=timedelta(hours=6), points=100)
    assert len(found) == 100
    assert max(value for _, value in found) == 9.0
    assert [t for t, _ in found] == sorted(t for t, _ in found)


@pytest.mark.parametrize("points", [0, 1, 1001])
def test_points_out_of_range_are_refused(news, points):
    with pytest.raises(ValueError, match=f"from 2 to 1000, got {points}"):
        read(news, "ne", points=points)


def test_what_is_deployed_holds_from_before_the_range_to_its_end(news):
    record(news, {"non_zero_weights": 5}, NOW - 3 * HOUR)
    record(news, {"non_zero_weights": 7}, NOW - timedelta(minutes=30))
    values = [value for _, value in read(news, "non_zero_weights")]
    assert values == [5, 7, 7]


def test_what_is_measured_on_samples_does_not_hold(news):
    record(news, {"ne": 0.5}, NOW - 3 * HOUR)
    assert read(news, "ne") == []


def test_recording_thousands_takes_as_many_statements_as_recording_a_few(
    news, django_assert_max_num_queries
):
    with django_assert_max_num_queries(8):
        record_all(
            Measurement(news.pk, name, i, NOW - timedelta(seconds=10 * i))
            for name in METRICS
            for i in range(60)
        )
    assert TenSecondPoint.objects.count() == 60 * len(METRICS)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.tuples(st.integers(0, 200), st.floats(-1e6, 1e6, allow_subnormal=False)), max_size=30
    )
)
def test_reading_equals_a_dictionary_of_cells(news, written):
    TenSecondPoint.objects.all().delete()
    cells = {}
    for seconds, value in written:
        record(news, {"ne": value}, NOW + timedelta(seconds=seconds))
        cells[NOW_MS + seconds // 10 * 10_000] = value
    assert read(news, "ne", end=NOW + HOUR) == sorted(cells.items())
