"""The freshness of many recommenders costs no more than that of one."""

import pytest
from django.utils import timezone

from monitoring.fleet import fleet_freshness, log_heads
from updates.flows.append_samples import append_samples
from updates.models import Recommender


@pytest.fixture
def fleet(valkey, make_recommender, make_live, make_batch):
    def make(count):
        for i in range(count):
            found = make_recommender(slug=f"news-{i}")
            append_samples(found, make_batch(20), batch_id="one")
            make_live(found)

    return make


@pytest.mark.parametrize("count", [1, 12])
def test_one_query_and_two_round_trips_however_many(
    count, fleet, valkey, django_assert_num_queries
):
    fleet(count)
    recommenders = list(Recommender.objects.all())
    before = valkey.info("stats")["total_reads_processed"]
    with django_assert_num_queries(1):
        found = fleet_freshness(recommenders, timezone.now())
    assert {fresh.backlog_samples for fresh in found.values()} == {10}
    assert len(found) == count
    # The two INFO calls bracket it: one read more is their own.
    assert valkey.info("stats")["total_reads_processed"] - before == 3


def test_a_silent_log_leaves_age_and_state(make_recommender, make_live, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    news = make_recommender()
    make_live(news)
    assert log_heads([news]) == {}
    fresh = fleet_freshness([news], timezone.now())[news.pk]
    assert fresh.age_seconds > 0
    assert fresh.backlog_samples is None


def test_no_recommender_needs_no_log(settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert log_heads([]) == {}
