"""Learning lag: counted by every process, read when a cell of the grid is over."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring import learning_lag
from monitoring.models import TenSecondPoint
from monitoring.tasks import observe
from updates.signals import synced

AT = datetime(2026, 3, 1, 12, 0, 3, tzinfo=UTC)
NAMES = ["learning_lag_p50_ms", "learning_lag_p95_ms", "learning_lag_p99_ms"]


@pytest.fixture
def news(make_recommender):
    return make_recommender("news")


def counted(*lags):
    values, counts = np.unique(lags, return_counts=True)
    return values, counts


@given(st.lists(st.integers(0, 10_000), min_size=1), st.sampled_from([0.5, 0.95, 0.99]))
def test_the_quantile_is_the_least_lag_that_the_share_is_within(lags, share):
    values, counts = counted(*lags)
    expected = np.quantile(lags, share, method="inverted_cdf")
    assert learning_lag.quantile(values, counts, share) == expected


def test_processes_are_counted_together(news, valkey):
    learning_lag.count(news.pk, *counted(*range(60)), AT)
    learning_lag.count(news.pk, *counted(*range(60, 100)), AT + timedelta(seconds=5))
    found = list(learning_lag.measured(AT + timedelta(seconds=10)))
    assert [(m.name, m.value) for m in found] == list(zip(NAMES, [49, 94, 98], strict=True))
    assert {m.recommender_id for m in found} == {news.pk}


def test_what_is_told_late_is_read_the_next_time(news, valkey):
    learning_lag.count(news.pk, *counted(5), AT)
    assert not list(learning_lag.measured(AT))
    for seconds in (10, 20):
        assert list(learning_lag.measured(AT + timedelta(seconds=seconds)))
    assert not list(learning_lag.measured(AT + timedelta(seconds=30)))


def test_what_was_served_becomes_a_series(news, valkey, monkeypatch):
    synced.send(type(news), recommender=news, lags_ms=np.array([40]), counts=np.array([9]), at=AT)
    monkeypatch.setattr("django.utils.timezone.now", lambda: AT + timedelta(seconds=10))
    observe()
    points = TenSecondPoint.objects.filter(series__recommender=news, series__name__in=NAMES)
    assert points.count() == 3
    assert {point.value for point in points} == {40.0}


def test_a_recommender_that_was_deleted_meanwhile_is_left_out(news, valkey, monkeypatch):
    learning_lag.count(news.pk + 1, *counted(5), AT)
    monkeypatch.setattr("django.utils.timezone.now", lambda: AT + timedelta(seconds=10))
    observe()
    assert not TenSecondPoint.objects.filter(series__name__in=NAMES).exists()
