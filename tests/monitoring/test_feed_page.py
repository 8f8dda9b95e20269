"""The page of the simulated feed ranks its recommenders and starts flash events."""

from datetime import timedelta

import pytest
import redis
from django.utils import timezone

from monitoring import metrics, series
from recadmin.demo import feed_state
from recadmin.demo.feed_fleet import set_up_feed
from recadmin.demo.feed_state import FlashEvent
from tests.monitoring.conftest import text
from updates.models import Recommender, UpdateRun
from updates.simulation.fleet import SLUGS
from updates.simulation.world import Flash

PAGE, BUTTON = "/demo/feed/", "/demo/feed/flash/"


@pytest.fixture
def feed(transactional_db, valkey):
    return {recommender.slug: recommender for recommender in set_up_feed()}


def measured(recommender, *regrets):
    now = timezone.now()
    for n, regret in enumerate(regrets):
        series.record(recommender, {metrics.REGRET: regret}, now - timedelta(seconds=10 * n))


def rows(response):
    """HTML of the ranking's rows, in order."""
    return response.content.decode().split('<th scope="row">')[1:]


def test_without_the_feed_the_page_says_how_to_play_it(db, valkey, as_viewer):
    words = text(as_viewer.get(PAGE))
    assert "The feed is not being played" in words
    assert "make run" in words
    assert "Start a flash event" not in words


def test_the_least_regret_comes_first_and_what_was_not_measured_last(as_viewer, feed):
    measured(feed["feed-daily"], 0.2, 0.1)
    measured(feed["feed-online"], 0.05)
    ranked = rows(as_viewer.get(PAGE))
    assert len(ranked) == 8
    assert "Online" in ranked[0] and "0.0500" in ranked[0]
    # The lines of the chart keep their order, and so their colours.
    lines = as_viewer.get(PAGE).content.decode().split('<li class="line-')[1:9]
    assert all(slug in line for slug, line in zip(SLUGS, lines, strict=True))
    assert "Daily full" in ranked[1] and "0.1500" in ranked[1]
    assert all('data-label="Regret" class="number">–<' in row for row in ranked[2:])


def test_updates_and_cpu_are_told(as_viewer, feed, make_live):
    hourly = feed["feed-hourly"]
    for _ in range(4):
        make_live(hourly)
    UpdateRun.objects.create(
        recommender=hourly, strategy="full", components=["weights"], cpu_seconds=2.5
    )
    [row] = [row for row in rows(as_viewer.get(PAGE)) if "Hourly incremental" in row]
    assert 'data-label="Updates" class="number">3<' in row
    assert "2.5 s" in row


def test_a_flash_event_says_who_recovered_first(as_viewer, feed):
    jumps = {"feed-online": 0.1, "feed-daily": 0.12, "feed-never": 0.001}
    hours = {"feed-online": 1.5, "feed-daily": None, "feed-never": None}
    long_ago = timezone.now() - timedelta(hours=1)
    event = FlashEvent(1, long_ago, Flash(9, 4, 7, True), "ann", jumps, hours)
    feed_state.keep_flash(event)
    response = as_viewer.get(PAGE)
    words = text(response)
    assert "Topic 7 turned hot asked for by ann" in words
    assert "half regained first by feed-online, after 1.5 h" in words
    ranked = {row.split("</a>")[0].split(">")[-1]: row for row in rows(response)}
    assert "1.5 h" in ranked["Online"]
    assert "not yet" in ranked["Daily full"] and "over a day" in ranked["Daily full"]
    assert "hardly rose" in ranked["Never"]
    assert response.context["marks"][0]["kind"] == "flash"


def test_a_flash_that_is_not_over_counts_for_nobody_who_has_not_recovered(as_viewer, feed):
    jumps, hours = {"feed-daily": 0.1}, {"feed-daily": None}
    event = FlashEvent(1, timezone.now(), Flash(9, 4, 7, True), "", jumps, hours)
    feed_state.keep_flash(event)
    words = text(as_viewer.get(PAGE))
    assert "not yet" in words
    assert "over a day" not in words


def test_the_newest_flash_events_are_first_and_old_ones_are_forgotten(valkey):
    for number in range(1, feed_state.MOST_FLASHES + 3):
        feed_state.keep_flash(FlashEvent(number, timezone.now(), Flash(1, 2, 3, False)))
    numbers = [event.number for event in feed_state.flashes()]
    assert numbers == list(range(feed_state.MOST_FLASHES + 2, 2, -1))


def test_an_operator_starts_a_flash_event(as_operator, feed):
    response = as_operator.post(BUTTON, follow=True)
    assert response.redirect_chain == [(PAGE, 302)]
    assert "A flash event starts" in text(response)
    assert feed_state.take_asked() == ["operator"]


def test_more_flashes_than_are_played_are_refused(as_operator, feed):
    for _ in range(feed_state.MOST_ASKED):
        as_operator.post(BUTTON)
    assert "is the feed being played?" in text(as_operator.post(BUTTON, follow=True))


def test_viewers_see_the_page_without_the_button(as_viewer, as_operator, feed):
    assert "Start a flash event" not in text(as_viewer.get(PAGE))
    assert "Start a flash event" in text(as_operator.get(PAGE))
    assert as_viewer.post(BUTTON).status_code == 403
    assert as_operator.get(BUTTON).status_code == 405


def test_a_flash_takes_a_token_against_forgery(feed, operator):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    client.force_login(operator)
    assert client.post(BUTTON).status_code == 403
    assert feed_state.take_asked() == []


def test_a_silent_valkey_leaves_the_page_standing(as_operator, feed, monkeypatch):
    def fail(*args):
        raise redis.ConnectionError("gone")

    monkeypatch.setattr(feed_state, "connection", fail)
    assert "flash events are unknown" in text(as_operator.get(PAGE))
    assert "Valkey does not answer" in text(as_operator.post(BUTTON, follow=True))


def test_htmx_gets_what_changes_alone(as_viewer, feed):
    response = as_viewer.get(PAGE, headers={"HX-Request": "true"})
    assert "<html" not in response.content.decode()
    assert "By regret" in text(response)


def test_regret_has_a_chart_where_it_is_measured(as_viewer, feed, make_recommender):
    measured(feed["feed-online"], 0.1)
    make_recommender("other")
    with_regret = text(as_viewer.get("/recommenders/feed-online/"))
    assert "Regret" in with_regret and "News feed" in with_regret
    assert "Regret" not in text(as_viewer.get("/recommenders/other/"))
    answer = as_viewer.get("/api/v1/recommenders/feed-online/metrics?name=regret").json()
    assert [value for _, value in answer["points"]] == [0.1]
    assert "true click probability" in answer["definition"].lower()


def test_the_films_keep_their_demo_page(as_operator, db, valkey):
    assert as_operator.get("/demo/ml-100k/").status_code == 404
    assert Recommender.objects.count() == 0
