"""Freshness of a recommender that learns online is that of what is served."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from monitoring.fleet import fleet_freshness
from monitoring.served import online_positions, served_facts
from tests.monitoring.conftest import NOW, text
from updates.models import Deployment, Recommender, ServingReport
from updates.samples.batches import to_ms
from updates.serving.deltas import DeltaStream, Sent
from updates.tasks import prune_artifacts

LATER = NOW + timedelta(hours=2)


@pytest.fixture
def news(make_recommender, make_live, make_policy):
    """Live up to offset 10, in a line of online learning."""
    news = make_recommender(slug="news")
    make_live(news)
    Deployment.objects.update(epoch=5)
    make_policy(news, strategy="online", trigger="continuous")
    return news


@pytest.fixture
def send(news, valkey):
    """``send(offset, epoch=5)``: online learning has come so far, to samples of LATER."""

    def publish(offset, epoch=5):
        stream = DeltaStream(valkey, news.stream_key, epoch)
        stream.begin(1)
        stream.publish(1, Sent(0, 10, offset, to_ms(LATER), [], b"weights"), to_ms(LATER))

    return publish


@pytest.fixture
def report(news):
    """``report(process, **fields)``: what a process said just now."""

    def make(process="web:1", **fields):
        about = {"wanted": news.live_version, "served": news.live_version, "offset": 10}
        now = timezone.now()
        times = {"followed_at": NOW, "synced_at": now, "reported_at": now}
        return ServingReport.objects.create(
            recommender=news, process=process, **about | times | fields
        )

    return make


def test_what_was_learned_online_counts(news, send):
    send(500)
    [facts] = served_facts([news], timezone.now()).values()
    assert (facts.watermark, facts.next_offset) == (LATER, 501)
    now = LATER + timedelta(seconds=7)
    assert fleet_freshness([news], now)[news.pk].age_seconds == 7


def test_what_an_abandoned_line_learned_does_not_count(news, send):
    send(500, epoch=4)
    assert online_positions([news]) == {}
    assert served_facts([news], timezone.now()) == {}


def test_less_than_the_live_version_knows_does_not_count(news, send, make_live):
    send(500)
    make_live(news, next_offset=601, watermark=LATER)
    Deployment.objects.update(epoch=5)
    assert served_facts([Recommender.objects.get()], timezone.now()) == {}


def test_the_process_that_does_not_receive_it_counts(news, send, report):
    send(500)
    report("web:1", offset=500, watermark=LATER)
    long_ago = timezone.now() - timedelta(minutes=4)
    report("web:2", offset=200, watermark=NOW + timedelta(hours=1), synced_at=long_ago)
    [facts] = served_facts([news], timezone.now()).values()
    assert (facts.watermark, facts.next_offset) == (NOW + timedelta(hours=1), 201)


def test_a_process_that_has_ended_does_not_count(news, send, report):
    send(500)
    long_ago = timezone.now() - timedelta(minutes=4)
    report("web:2", offset=200, synced_at=long_ago - timedelta(minutes=1), reported_at=long_ago)
    [facts] = served_facts([news], timezone.now()).values()
    assert facts.next_offset == 501


def test_without_valkey_the_live_version_counts(news, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    assert served_facts([news], timezone.now()) == {}


def test_the_page_says_how_far_online_learning_was_sent_and_that_all_have_it(
    as_viewer, news, send, report
):
    send(12_345)
    report()
    assert "Learned online 12,345 sent synced" in text(as_viewer.get("/recommenders/news/"))


def test_the_page_says_since_when_the_sync_of_a_process_fails(as_viewer, news, send, report):
    send(500)
    report(
        offset=200,
        synced_at=timezone.now() - timedelta(minutes=4, seconds=1),
        error="Updates after offset 200 are missing, and no checkpoint has them yet.",
    )
    words = text(as_viewer.get("/recommenders/news/"))
    assert re.search(r"Process web:1: sync failing for 4 min \d\d s\. It serves what was", words)
    assert "learned up to offset 200. Updates after offset 200 are missing" in words
    assert "500 sent failing" in words


def test_the_api_says_how_far_each_process_is(as_viewer, news, send, report):
    send(500)
    report("web:1", offset=500, sequence=7, gaps_healed=1)
    long_ago = timezone.now() - timedelta(minutes=4)
    report("web:2", synced_at=long_ago)
    report("web:3", synced_at=None, followed_at=None)
    report("web:4", reported_at=long_ago)
    report("web:5", synced_at=None, followed_at=timezone.now())
    report("web:6", synced_at=None, followed_at=long_ago)
    answer = as_viewer.get("/api/v1/recommenders/news/freshness").json()
    assert answer["served_offset"] == 10
    told = {one["process"]: one for one in answer["serving"]}
    assert (told["web:1"]["offset"], told["web:1"]["sequence"]) == (500, 7)
    assert [told[f"web:{i}"]["sync"] for i in range(1, 7)] == [
        "synced",
        "failing",
        "none",
        "gone",
        "starting",
        "failing",
    ]


def test_the_page_lists_each_process_and_those_that_ended_last(as_viewer, news, send, report):
    send(500)
    report("web:1", reported_at=timezone.now() - timedelta(minutes=4))
    report("web:2", offset=500, sequence=7, gaps_healed=1)
    words = text(as_viewer.get("/recommenders/news/"))
    assert "500 sent synced" in words
    assert re.search(r"web:2 synced \d+ s ago 500 7 1 web:1 gone", words), words


def test_a_process_that_never_had_everything_fails_since_it_began_to_follow(
    as_viewer, news, send, report
):
    send(500)
    began = timezone.now() - timedelta(minutes=4, seconds=1)
    report(synced_at=None, followed_at=began, error="The checkpoint is refused.")
    words = text(as_viewer.get("/recommenders/news/"))
    assert re.search(r"Process web:1: sync failing for 4 min", words)


def test_while_valkey_is_away_the_page_says_that_sync_fails(as_viewer, news, report, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    report(synced_at=timezone.now() - timedelta(minutes=4))
    assert "Learned online – sent failing" in text(as_viewer.get("/recommenders/news/"))


def test_reports_of_processes_that_ended_long_ago_are_forgotten(news, report):
    report("web:1")
    report("web:2", reported_at=timezone.now() - timedelta(hours=2))
    prune_artifacts()
    assert [kept.process for kept in ServingReport.objects.all()] == ["web:1"]
