"""The freshness of many recommenders costs no more than that of one."""

import pytest
from django.utils import timezone

from monitoring.fleet import fleet_freshness, log_heads
from updates.flows.append_samples import append_samples
from updates.models import Deployment, Recommender
from updates.samples.batches import to_ms
from updates.serving.deltas import DeltaStream, Sent


@pytest.fixture
def fleet(valkey, make_recommender, make_live, make_batch):
    def make(count):
        for i in range(count):
            found = make_recommender(slug=f"news-{i}")
            append_samples(found, make_batch(20), batch_id="one")
            make_live(found)

    return make


@pytest.mark.parametrize("count", [1, 12])
def test_six_queries_and_one_round_trip_however_many(
    count, fleet, valkey, django_assert_num_queries
):
    fleet(count)
    recommenders = list(Recommender.objects.all())
    before = valkey.info("stats")["total_reads_processed"]
    with django_assert_num_queries(6):
        found = fleet_freshness(recommenders, timezone.now())
    assert {fresh.backlog_samples for fresh in found.values()} == {10}
    assert len(found) == count
    # The two INFO calls bracket it: one read more is their own.
    assert valkey.info("stats")["total_reads_processed"] - before == 2


@pytest.mark.parametrize("count", [1, 12])
def test_what_is_learned_online_costs_one_round_trip_more(
    count, fleet, valkey, make_policy, django_assert_num_queries
):
    fleet(count)
    for recommender in Recommender.objects.all():
        make_policy(recommender, strategy="online", trigger="continuous")
        sent_up_to(15, recommender, valkey)
    recommenders = list(Recommender.objects.all())
    before = valkey.info("stats")["total_reads_processed"]
    with django_assert_num_queries(7):
        found = fleet_freshness(recommenders, timezone.now())
    assert {fresh.backlog_samples for fresh in found.values()} == {5}
    assert valkey.info("stats")["total_reads_processed"] - before == 3


def test_what_another_line_had_sent_is_not_live(fleet, valkey, make_policy):
    fleet(1)
    news = Recommender.objects.get()
    make_policy(news, strategy="online", trigger="continuous")
    sent_up_to(15, news, valkey)
    Deployment.objects.update(epoch=2)
    assert fleet_freshness([news], timezone.now())[news.pk].backlog_samples == 10


def sent_up_to(offset, recommender, valkey):
    """By a session on top of the live version, whose line is number 1."""
    Deployment.objects.filter(recommender=recommender).update(epoch=1)
    stream = DeltaStream(valkey, recommender.stream_key, 1)
    stream.begin(1)
    watermark_ms = to_ms(recommender.live_version.watermark)
    stream.publish(1, Sent(0, 10, offset, watermark_ms, [], b""), watermark_ms)


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
