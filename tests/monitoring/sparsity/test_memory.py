"""Memory limits: what is told of them, and their alert."""

from datetime import timedelta

import pytest
from django.utils import timezone

from monitoring.alerts.kinds import KINDS
from monitoring.sparsity.alert import limit_conditions
from monitoring.sparsity.memory import LimitState, memory
from updates.models import ModelVersion


@pytest.fixture
def grown(make_recommender, make_live):
    """Ten versions of some kilobytes more a day each; the newest of 10,000 bytes."""
    recommender, now = make_recommender(), timezone.now()
    for i in range(1, 11):
        at = now - timedelta(days=10 - i)
        version = make_live(
            recommender, sparsity={"deployed_bytes": 1_000 * i}, next_offset=100 * i + 1
        )
        ModelVersion.objects.filter(pk=version.pk).update(created_at=at)
    return recommender


def with_limit(recommender, limit):
    recommender.memory_limit_bytes = limit
    recommender.save()
    return memory(recommender)


@pytest.mark.parametrize(
    ("limit", "state"),
    [
        (None, LimitState.NONE),
        (10_000, LimitState.EXCEEDED),
        (13_000, LimitState.REACHED),
        (1_000_000, LimitState.FAR),
    ],
)
def test_a_limit_is_none_exceeded_reached_on_a_date_or_far(grown, limit, state):
    assert with_limit(grown, limit).state == state


def test_when_it_is_reached_follows_from_growth_by_sample_and_samples_by_day(grown):
    found = with_limit(grown, 13_000)
    days = (found.reached_at - timezone.now()) / timedelta(days=1)
    assert days == pytest.approx(3, abs=0.1)
    assert found.earliest <= found.reached_at <= found.latest


def test_with_too_few_versions_nothing_is_foretold(make_recommender, make_live):
    recommender = make_recommender()
    make_live(recommender)
    assert with_limit(recommender, 10_000).state == LimitState.UNKNOWN


def test_an_alert_begins_a_week_before_and_when_it_is_exceeded(grown):
    now = timezone.now()
    said = []
    for limit in (None, 30_000, 13_000, 9_000):
        with_limit(grown, limit)
        said.append([one.summary for one in limit_conditions([grown], now)])
    assert said[:2] == [[], []]
    [soon], [exceeded] = said[2:]
    assert soon.startswith("The live model takes 9.8 KiB; it reaches 12.7 KiB on ")
    assert exceeded == "The live model takes 9.8 KiB of 8.8 KiB."
    [condition] = limit_conditions([grown], now)
    assert condition.kind == KINDS["memory-limit"]
