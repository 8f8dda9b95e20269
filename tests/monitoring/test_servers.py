"""Where other servers than ours serve, fresh is what they have swapped to; who lags is named."""

from datetime import timedelta

import pytest
from django.utils import timezone

from monitoring.alerts.evaluate import evaluate
from monitoring.components import components
from monitoring.fleet import fleet_freshness
from monitoring.models import Alert
from monitoring.served import served_facts
from tests.monitoring.conftest import text
from updates.flows.acknowledge import acknowledge
from updates.flows.append_samples import append_samples
from updates.models import Deployment, Recommender, ServingTarget

PAGE = "/recommenders/news/"
MINUTE = timedelta(minutes=1)


@pytest.fixture
def news(valkey, make_recommender, make_batch):
    """20 samples in the log; objective one hour."""
    found = make_recommender(slug="news")
    append_samples(found, make_batch(20), batch_id="one")
    return found


@pytest.fixture
def publish(news, make_live):
    """``publish(next_offset, minutes)``: the next version, that has learned up to that many minutes
    ago, live for as long; its deployment."""

    def make(next_offset, minutes=0, **fields):
        at = timezone.now() - minutes * MINUTE
        make_live(news, watermark=at, next_offset=next_offset, started_at=at, **fields)
        return news.deployments.get(ended_at=None)

    return make


@pytest.fixture
def make_target(news):
    def make(name="edge-eu", **fields):
        fields = {"created_at": timezone.now() - timedelta(days=1)} | fields
        return ServingTarget.objects.create(recommender=news, name=name, **fields)

    return make


def say(deployment, target="edge-eu", state="swapped", error=""):
    version = deployment.version.number
    now = timezone.now()
    acknowledge(deployment, target=target, state=state, version=version, error=error, now=now)


def fresh():
    [found] = fleet_freshness([Recommender.objects.get()], timezone.now()).values()
    return found


def test_age_counts_from_what_is_acknowledged_and_not_from_what_is_published(publish, make_target):
    make_target()
    first, second = publish(11, minutes=90), publish(21)
    say(first)
    assert fresh().state == "stale"
    assert fresh().age_seconds == pytest.approx(90 * 60, abs=5)
    assert fresh().backlog_samples == 10
    say(second)
    assert (fresh().state, fresh().backlog_samples) == ("idle", 0)
    assert fresh().age_seconds == pytest.approx(0, abs=5)


def test_the_server_that_is_least_far_counts(publish, make_target):
    make_target("edge-eu")
    make_target("edge-us")
    first, second = publish(11, minutes=90), publish(21)
    say(second, "edge-us")
    assert fresh().age_seconds == pytest.approx(0, abs=5)
    say(first, "edge-eu")
    assert fresh().age_seconds == pytest.approx(90 * 60, abs=5)


def test_where_no_server_has_said_anything_nothing_is_known(publish, make_target):
    make_target()
    publish(21, minutes=4)
    assert (fresh().state, fresh().age_seconds, fresh().cause) == ("unknown", None, "sync-broken")


def test_a_server_that_is_off_does_not_count(publish, make_target):
    make_target(enabled=False)
    publish(21)
    assert (fresh().state, fresh().cause) == ("idle", "none")


def test_ages_of_components_are_those_of_the_version_that_is_served(publish, make_target, news):
    make_target()

    def parts(minutes):
        at = (timezone.now() - minutes * MINUTE).isoformat()
        return {"weights": {"watermark": at, "next_offset": 11}}

    first = publish(11, minutes=90, components=parts(90))
    publish(21, components=parts(0))
    say(first)
    now = timezone.now()
    served = served_facts([news], now)[news.pk]
    [part] = components(Recommender.objects.get(), now, None, served)
    assert part.fresh.age_seconds == pytest.approx(90 * 60, abs=5)


def test_a_roll_back_is_served_once_it_is_acknowledged(publish, make_target, news):
    make_target()
    first, second = publish(11, minutes=30), publish(21, minutes=10)
    say(second)
    news.deployments.filter(ended_at=None).update(ended_at=timezone.now())
    back = Deployment.objects.create(
        recommender=news,
        version=first.version,
        previous=second.version,
        kind="rollback",
        reason="worse",
        started_at=timezone.now(),
    )
    assert fresh().age_seconds == pytest.approx(10 * 60, abs=5)
    say(back)
    assert fresh().age_seconds == pytest.approx(30 * 60, abs=5)


def test_a_server_that_lags_is_named_with_its_last_error(as_viewer, publish, make_target):
    target = make_target(url="https://edge.example/")
    first = publish(11, minutes=9)
    publish(15, minutes=4)
    last = publish(21, minutes=1)
    say(first)
    target.has_not_taken(last, "It answered 503.", MINUTE, timezone.now())
    words = text(as_viewer.get(PAGE))
    named = "Server edge-eu serves version 1, 2 behind, for 4 min. Its address has not taken"
    assert f"{named} the event. It answered 503." in words
    assert "lagging" in words
    assert fresh().cause == "sync-broken"


def test_a_server_that_could_not_swap_is_named_at_once(as_viewer, publish, make_target):
    make_target()
    first, second = publish(11, minutes=9), publish(21)
    say(first)
    say(second, state="failed", error="out of memory")
    words = text(as_viewer.get(PAGE))
    assert "It could not swap to version 2: out of memory." in words
    assert fresh().cause == "sync-broken"


def test_a_swap_under_way_is_no_fault(as_viewer, publish, make_target):
    make_target(swap_within_seconds=300)
    say(publish(11, minutes=9))
    publish(21, minutes=4)
    words = text(as_viewer.get(PAGE))
    assert "Server edge-eu serves" not in words
    assert "swapping" in words
    assert fresh().cause == "none"


def test_a_new_server_has_its_time_from_when_it_was_named(publish, make_target):
    publish(21, minutes=30)
    make_target(created_at=timezone.now())
    assert (fresh().state, fresh().age_seconds) == ("idle", pytest.approx(1800, abs=5))
    assert fresh().cause == "none"
    ServingTarget.objects.update(created_at=timezone.now() - 2 * MINUTE)
    assert (fresh().state, fresh().cause) == ("unknown", "sync-broken")


def test_a_server_that_lags_is_an_alert(publish, make_target, news):
    make_target()
    say(publish(11, minutes=9))
    publish(21, minutes=4)
    now = timezone.now()
    evaluate(now)
    evaluate(now + MINUTE)
    alert = Alert.objects.get()
    assert (alert.kind, alert.state) == ("sync-broken", "firing")
    assert "Server edge-eu serves version 1, 1 behind, for 5 min" in alert.summary


def test_the_api_tells_what_the_page_does(as_viewer, publish, make_target):
    make_target()
    say(publish(11, minutes=9))
    publish(21, minutes=4)
    answer = as_viewer.get("/api/v1/recommenders/news/freshness").json()
    [server] = answer["targets"]
    assert (server["name"], server["state"], server["version"]) == ("edge-eu", "lagging", 1)
    assert (server["behind"], server["says"][:15]) == (1, "Server edge-eu ")
    assert server["age_seconds"] == pytest.approx(9 * 60, abs=5)
    assert answer["served_offset"] == 10
    assert (answer["live_version"], answer["cause"]) == (2, "sync-broken")


def test_without_a_server_the_page_says_what_naming_one_brings(as_viewer, as_admin, news):
    words = text(as_viewer.get(PAGE))
    assert "Where servers of yours do, name them (an admin may)" in words
    assert "Add a server" not in words
    page = as_admin.get(PAGE).content.decode()
    assert f"/admin/updates/servingtarget/add/?recommender={news.pk}" in page


def test_many_servers_cost_as_many_queries_as_one(
    publish, make_target, news, django_assert_num_queries
):
    publish(21, minutes=4)
    for i in range(12):
        make_target(f"edge-{i}")
    found = Recommender.objects.select_related("live_version").get()
    with django_assert_num_queries(5):
        assert fleet_freshness([found], timezone.now())[found.pk].cause == "sync-broken"
