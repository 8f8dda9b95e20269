"""What happened, as marks on the time axis."""

from datetime import timedelta

import pytest

from monitoring.marks import MOST_PROMOTIONS, marks
from monitoring.models import Alert
from tests.monitoring.conftest import NOW
from updates.cadence import Cadence, Trigger
from updates.flows.change_cadence import change_cadence

HOUR = timedelta(hours=1)


@pytest.fixture
def news(make_recommender):
    return make_recommender()


def test_promotions_and_rollbacks_are_marked_with_their_words_and_page(news, make_live):
    make_live(news, started_at=NOW - 2 * timedelta(minutes=1))
    make_live(news, started_at=NOW - timedelta(minutes=1), kind="rollback")
    first, second = marks(news, NOW - HOUR, NOW)
    assert (first.kind, first.label) == ("promotion", "v1 promoted")
    assert first.url == "/recommenders/news/versions/1/"
    assert (second.kind, second.label) == (
        "rollback",
        "Rolled back from v1 to v2: as good as any",
    )


def test_a_cadence_change_is_marked(news, make_policy, django_user_model):
    receipt = change_cadence(make_policy(news), Cadence(Trigger.INTERVAL, interval_seconds=60))
    (mark,) = marks(news, receipt.changed_at - HOUR, receipt.changed_at)
    assert (mark.kind, mark.label) == ("cadence", "Cadence of hourly changed")


def test_a_canary_is_marked_from_its_beginning_to_its_end(news, make_live):
    live = make_live(news, started_at=NOW - 2 * HOUR)
    news.canaries.create(
        version=live,
        live=live,
        share=0.1,
        began_at=NOW - HOUR,
        ends_at=NOW,
        ended_at=NOW,
        state="rejected",
        first_offset=1,
        judged_through=0,
    )
    (mark,) = marks(news, NOW - HOUR, NOW)
    assert (mark.kind, mark.label, mark.until) == ("canary", "v1 on trial: rejected", NOW)


def test_only_the_range_and_the_recommender_asked_for(news, make_recommender, make_live):
    make_live(news, started_at=NOW - 2 * HOUR)
    make_live(make_recommender(slug="other"), started_at=NOW)
    assert marks(news, NOW - HOUR, NOW) == []


def test_dense_promotions_are_merged_and_counted_and_no_rollback_is_lost(news, make_live):
    count = 2 * MOST_PROMOTIONS
    for i in range(count):
        kind = "rollback" if i == 40 else "promotion"
        make_live(news, started_at=NOW - HOUR + i * HOUR / count, kind=kind)
    found = marks(news, NOW - HOUR, NOW)
    assert len(found) <= MOST_PROMOTIONS + 1
    assert [mark.kind for mark in found].count("rollback") == 1
    assert found[0].label == "2 promotions, v1 to v2"
    assert found == sorted(found, key=lambda mark: mark.at)


def test_a_mark_in_json_has_the_time_unit_of_points(news, make_live):
    make_live(news, started_at=NOW)
    (mark,) = marks(news, NOW - HOUR, NOW)
    assert mark.to_json()["at"] == round(NOW.timestamp() * 1000)


def fire(news, at, kind="drift", component="", **fields):
    told = {"severity": "warning", "since": at, "held_at": at, "summary": "wrong", "objective": ""}
    return Alert.objects.create(
        recommender=news, kind=kind, component=component, fired_at=at, **told, **fields
    )


def test_an_alert_is_marked_from_firing_until_it_is_resolved(news):
    resolved_at = NOW - timedelta(minutes=5)
    alert = fire(
        news,
        NOW - timedelta(minutes=9),
        "backlog",
        "trees",
        resolved_at=resolved_at,
        state="resolved",
    )
    (mark,) = marks(news, NOW - HOUR, NOW)
    assert (mark.kind, mark.at, mark.until) == ("alert", alert.fired_at, resolved_at)
    assert mark.label == "Alert backlog (trees): stale: samples wait to be learned"
    assert mark.url == f"/alerts/{alert.pk}/"
    assert mark.to_json()["until"] == round(resolved_at.timestamp() * 1000)


def test_an_alert_that_fired_before_the_range_is_marked_while_it_is_open(news):
    fire(news, NOW - 3 * HOUR)
    long_ago = NOW - 2 * HOUR
    fire(
        news, long_ago, "no-traffic", resolved_at=long_ago + timedelta(minutes=1), state="resolved"
    )
    (mark,) = marks(news, NOW - HOUR, NOW)
    assert (mark.at, mark.until) == (NOW - 3 * HOUR, None)


def test_an_alert_that_only_pends_is_not_marked(news):
    at = NOW - timedelta(minutes=1)
    Alert.objects.create(recommender=news, kind="drift", severity="info", since=at, held_at=at)
    assert marks(news, NOW - HOUR, NOW) == []
