"""The fleet page: who may see it, what it says, what it costs."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from monitoring.series import record
from tests.monitoring.conftest import text
from updates.flows.append_samples import append_samples
from updates.models import UpdateRun


@pytest.fixture
def fleet(valkey, make_recommender, make_live, make_batch, make_policy):
    """``fleet(count)``: live recommenders whose log goes on, with a policy and a run each."""

    def make(count):
        for i in range(count):
            found = make_recommender(slug=f"news-{i}")
            append_samples(found, make_batch(20), batch_id="one")
            make_live(found, watermark=timezone.now() - timedelta(minutes=2))
            make_policy(found)
            record(found, {"ne": 0.8123}, timezone.now())
            UpdateRun.objects.create(recommender=found, strategy="full", components=["weights"])

    return make


def test_it_says_how_fresh_each_recommender_is(as_viewer, fleet):
    fleet(1)
    words = text(as_viewer.get("/"))
    assert "News-0 news-0 · sparse_linear fresh worker-dead 2 min" in words
    assert "of 1 h + 10 min" in words
    assert "0.8123" in words
    assert "queued" in words
    assert "in 59 min" in words or "in 1 h" in words


def test_without_a_recommender_it_says_what_to_do_next(as_operator):
    response = as_operator.get("/")
    assert "/admin/updates/recommender/add/" in response.content.decode()
    assert "import_samples" in text(response)


def test_a_viewer_of_an_empty_fleet_is_not_sent_where_he_may_not_go(as_viewer):
    assert "/admin/updates/recommender/add/" not in as_viewer.get("/").content.decode()


def test_htmx_gets_only_what_changes(as_viewer, fleet):
    fleet(1)
    part = as_viewer.get("/", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert "news-0" in part


def test_it_costs_as_many_queries_for_many_as_for_one(
    as_viewer, fleet, django_assert_max_num_queries
):
    fleet(30)
    with django_assert_max_num_queries(12):
        as_viewer.get("/")


def test_states_are_counted_and_can_be_chosen(as_viewer, fleet, make_recommender):
    fleet(1)
    make_recommender(slug="silent")
    assert "unknown 1" in text(as_viewer.get("/"))
    chosen = text(as_viewer.get("/?state=unknown"))
    assert "silent" in chosen
    assert "news-0" not in chosen


def test_a_name_can_be_searched_for(as_viewer, fleet):
    fleet(2)
    found = text(as_viewer.get("/?q=News-1"))
    assert "news-1" in found
    assert "news-0" not in found
    assert "called like “x”" in text(as_viewer.get("/?q=x"))


def test_a_silent_log_is_said(as_viewer, make_recommender, make_live, settings):
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    make_live(make_recommender(slug="news"))
    assert "The sample log does not answer" in text(as_viewer.get("/"))


def test_who_has_not_logged_in_is_sent_to_log_in(db):
    response = Client().get("/")
    assert (response.status_code, response.url) == (302, "/login/?next=/")


def test_a_poll_after_the_session_ended_reloads_the_page(db):
    response = Client().get("/", headers={"HX-Request": "true"})
    assert response.headers["HX-Refresh"] == "true"


def test_an_account_without_a_role_is_told_whom_to_ask(as_outsider):
    response = as_outsider.get("/")
    assert response.status_code == 403
    assert "Ask an administrator" in text(response)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"trigger": "samples", "every_samples": 10}, "on samples"),
        ({"enabled": False}, "paused"),
        ({"hold_reason": "Rolled back to v1: bad"}, "held by a roll-back"),
    ],
)
def test_what_an_update_waits_for_is_said(
    as_viewer, valkey, make_recommender, make_policy, fields, said
):
    make_policy(make_recommender(), **fields)
    assert said in text(as_viewer.get("/"))
