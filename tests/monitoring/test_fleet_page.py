"""The fleet page: who may see it, what it says, what it costs."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone

from monitoring.series import record
from tests.monitoring.conftest import text
from updates.flows.append_samples import append_samples
from updates.models import Recommender, UpdateRun
from updates.samples.batches import to_ms


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
    with django_assert_max_num_queries(14):
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


@pytest.fixture
def shops(valkey, make_recommender, make_live):
    """Ages of 1, 65 and 200 minutes, and one where nothing is live; the objective is an hour."""
    now = timezone.now()
    for slug, minutes, learner, tags in [
        ("shoes", 1, "sparse_linear", ["eu"]),
        ("books", 65, "sparse_linear", ["eu", "mail"]),
        ("films", 200, "gbdt", ["us"]),
    ]:
        found = make_recommender(slug=slug, learner=learner, tags=tags)
        make_live(found, watermark=now - timedelta(minutes=minutes), next_offset=1)
        arrive(valkey, found, last=minutes, at=now)
    make_recommender(slug="new", tags=["eu"])


def arrive(valkey, recommender, last, at):
    """Samples up to that offset have come, as far as the head of the log says."""
    head = {"last": last, "event": to_ms(at), "arrived": to_ms(at)}
    valkey.hset(f"{recommender.stream_key}:head", mapping=head)


def shown(response):
    """Slugs in the order of the rows."""
    return [row.recommender.slug for row in response.context["rows"]]


def links(response):
    """Where the page's links lead, by their ids."""
    found = re.findall(r"<a ([^>]*)>", response.content.decode())
    attributes = [dict(re.findall(r'([\w-]+)="([^"]*)"', each)) for each in found]
    return {a["id"]: unescape(a["href"]) for a in attributes if "id" in a}


def test_the_worst_come_first(as_viewer, shops):
    assert shown(as_viewer.get("/")) == ["films", "books", "new", "shoes"]


def test_what_needs_an_operator_most_is_a_fault(as_viewer, shops, make_recommender, make_live):
    broken = make_recommender(slug="zoo")
    make_live(broken, watermark=timezone.now(), next_offset=1)
    UpdateRun.objects.create(recommender=broken, strategy="full", components=["weights"])
    found = as_viewer.get("/?state=idle")
    assert "worker-dead" in text(found)
    assert shown(found) == ["zoo"]


@pytest.mark.parametrize(
    ("sort", "slugs"),
    [
        ("name", ["books", "films", "new", "shoes"]),
        ("-name", ["shoes", "new", "films", "books"]),
        ("state", ["shoes", "new", "books", "films"]),
        ("-age", ["films", "books", "shoes", "new"]),
        ("age", ["shoes", "books", "films", "new"]),
        ("-lag", ["films", "books", "shoes", "new"]),
        ("-backlog", ["films", "books", "shoes", "new"]),
        ("nonsense", ["films", "books", "new", "shoes"]),
    ],
)
def test_rows_can_be_sorted_and_what_is_unknown_comes_last(as_viewer, shops, sort, slugs):
    assert shown(as_viewer.get(f"/?sort={sort}")) == slugs


def test_rows_can_be_sorted_by_the_ne_that_they_show(as_viewer, shops):
    now = timezone.now().replace(second=0)
    for slug, values in [("shoes", [0.9, 0.7]), ("films", [0.7, 0.8]), ("books", [0.5, 0.95])]:
        found = Recommender.objects.get(slug=slug)
        record(found, {"ne": values[0]}, now - timedelta(minutes=2))
        record(found, {"ne": values[1]}, now - timedelta(minutes=1))
        record(found, {"ne": values[1] + 0.02}, now - timedelta(seconds=50))
    answer = as_viewer.get("/?sort=-ne")
    assert shown(answer) == ["books", "films", "shoes", "new"]
    newest = [row.ne.last for row in answer.context["rows"][:3]]
    assert newest == pytest.approx([0.96, 0.81, 0.71])
    assert len(answer.context["rows"][0].ne.values) == 2


def test_rows_can_be_sorted_by_the_last_and_the_next_update(as_viewer, shops, make_policy):
    now = timezone.now()
    for hours, slug in enumerate(["books", "shoes"], start=1):
        found = Recommender.objects.get(slug=slug)
        ended = now - timedelta(hours=hours)
        UpdateRun.objects.create(
            recommender=found, strategy="full", components=[], queued_at=ended, finished_at=ended
        )
        make_policy(found, interval_seconds=7200 // hours)
    assert shown(as_viewer.get("/?sort=-last"))[:2] == ["books", "shoes"]
    assert shown(as_viewer.get("/?sort=next"))[:2] == ["shoes", "books"]


def test_a_header_says_how_rows_are_sorted_and_turns_the_order(as_viewer, shops):
    page = as_viewer.get("/?sort=-age&state=stale")
    assert page.content.decode().count("aria-sort") == 1
    assert 'aria-sort="descending"><a id="sort-age"' in page.content.decode()
    assert links(page)["sort-age"] == "?state=stale&sort=age"
    assert links(page)["sort-lag"] == "?state=stale&sort=-lag"
    assert 'aria-sort="descending"><a id="sort-state"' in as_viewer.get("/").content.decode()


@pytest.mark.parametrize(
    ("query", "slugs"),
    [
        ("state=stale", ["films"]),
        ("cause=backlog", ["films", "books"]),
        ("learner=sparse_linear", ["books", "new", "shoes"]),
        ("tag=eu", ["books", "new", "shoes"]),
        ("tag=eu&cause=backlog", ["books"]),
        ("tag=eu&q=sho", ["shoes"]),
        ("tag=eu&state=stale", []),
    ],
)
def test_filters_and_search_combine(as_viewer, shops, query, slugs):
    assert shown(as_viewer.get(f"/?{query}")) == slugs


def test_a_chip_keeps_everything_else_that_is_asked_for(as_viewer, shops):
    chips = links(as_viewer.get("/?tag=eu&q=o&sort=-lag&state=aging&page=1"))
    assert chips["chip-stale"] == "?state=stale&tag=eu&q=o&sort=-lag"
    assert chips["chip-aging"] == "?tag=eu&q=o&sort=-lag"
    assert chips["chip-backlog"] == "?state=aging&cause=backlog&tag=eu&q=o&sort=-lag"
    assert chips["chip-all"] == "?sort=-lag"


def test_chips_count_what_they_would_show(as_viewer, shops):
    words = text(as_viewer.get("/?tag=eu&state=aging"))
    assert "all 4 fresh 1 aging 1 stale 0 idle 0 unknown 1" in words
    assert "eu (1)" in words
    assert "us (0)" not in words


def test_tags_are_shown_and_lead_to_what_shares_them(as_viewer, shops):
    books = Recommender.objects.get(slug="books")
    assert links(as_viewer.get("/?sort=name"))[f"tag-{books.pk}-mail"] == "?tag=mail&sort=name"


def test_an_overdue_recommender_offers_its_quickest_policy(as_operator, shops, make_policy):
    films = Recommender.objects.get(slug="films")
    for strategy in ("full", "incremental", "online"):
        make_policy(films, name=strategy, strategy=strategy)
    page = as_operator.get("/?state=stale")
    assert 'formaction="/recommenders/films/policies/incremental/run/"' in page.content.decode()
    as_operator.post("/recommenders/films/policies/incremental/run/")
    assert "Update now" not in text(as_operator.get("/?q=films&cause=backlog"))


def test_without_a_policy_to_run_the_dialog_is_offered(as_operator, as_viewer, shops):
    found = links(as_operator.get("/?state=stale"))
    assert "/recommenders/films/#trigger" in found.values()
    assert found.keys() - links(as_viewer.get("/?state=stale")).keys() == {
        name for name, address in found.items() if address.endswith("#trigger")
    }


def test_where_no_worker_takes_runs_the_workers_are_offered(as_viewer, fleet):
    fleet(1)
    assert "See the workers" in text(as_viewer.get("/"))


def test_a_boosted_link_gets_the_page_and_a_poll_what_changes(as_viewer, shops):
    boosted = {"HX-Request": "true", "HX-Boosted": "true"}
    assert "<html" in as_viewer.get("/", headers=boosted).content.decode()
    assert "HX-Request" in as_viewer.get("/").headers["Vary"]


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
