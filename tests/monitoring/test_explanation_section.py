"""What a version learned, on its page."""

import pytest

from tests.conftest import make_rows
from tests.monitoring.conftest import text
from updates.flows import explain as explaining
from updates.flows.append_samples import append_samples
from updates.flows.roll_back import roll_back
from updates.models import Explanation

ADDRESS = "/recommenders/news/versions/2/explanation/"


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch):
    monkeypatch.setattr(explaining.current_app, "send_task", lambda *args, **kwargs: None)


@pytest.fixture
def updated(live, append, update):
    append(live.recommender, 500)
    return update(live.recommender, "incremental").result_version


def test_it_waits_for_a_worker_and_then_says_what_was_learned(as_viewer, updated):
    waiting = as_viewer.get(ADDRESS)
    assert "A worker is comparing version 2 with version 1" in text(waiting)
    assert 'hx-trigger="every 2s"' in waiting.content.decode()
    explaining.explain(Explanation.objects.get().pk)
    told = as_viewer.get(ADDRESS)
    assert Explanation.objects.get().content["sentences"][0] in text(told)
    assert "Top movers of live traffic" in text(told)
    assert "every 2s" not in told.content.decode()


def test_the_first_version_says_why_there_is_none(as_viewer, live):
    words = text(as_viewer.get("/recommenders/news/versions/1/explanation/"))
    assert "Version 1 was built on nothing: it is the first." in words


def test_why_it_could_not_be_worked_out_is_said(as_viewer, updated):
    as_viewer.get(ADDRESS)
    Explanation.objects.get().fail("The log is gone.")
    assert "It could not be worked out: The log is gone." in text(as_viewer.get(ADDRESS))


def test_an_address_of_no_version_is_not_found(as_viewer, updated):
    assert as_viewer.get(f"{ADDRESS}?against=99").status_code == 404


def test_the_recommenders_page_says_what_the_last_update_brought(as_viewer, updated):
    page = "/recommenders/news/"
    assert "What the last update brought" not in text(as_viewer.get(page))
    as_viewer.get(ADDRESS)
    explaining.explain(Explanation.objects.get().pk)
    first = Explanation.objects.get().content["sentences"][0]
    told = as_viewer.get(page)
    assert f"What the last update brought: {first}" in text(told)
    assert 'href="/recommenders/news/versions/2/#explanation-title"' in told.content.decode()


def test_after_a_rollback_it_says_whose_news_they_are(as_viewer, updated, operator):
    as_viewer.get("/recommenders/news/versions/1/explanation/?against=2")
    roll_back(updated.recommender, to=updated.parent, reason="worse", by=operator)
    explaining.explain(Explanation.objects.get().pk)
    # Version 1 was built on nothing: what differs from version 2 is no news of its own.
    assert "brought:" not in text(as_viewer.get("/recommenders/news/"))


def test_the_list_of_versions_leads_to_what_each_brought(as_viewer, updated):
    page = as_viewer.get("/recommenders/news/").content.decode()
    assert 'versions/2/#explanation-title">What <span class="visually-hidden">version 2' in page
    assert "versions/1/#explanation-title" not in page


@pytest.fixture
def factors(transactional_db, make_recommender, make_batch, valkey, update):
    """The version of ``factors`` that learned 500 samples more of 60 films than the one before."""
    films = make_recommender("films", learner="factors", learner_options={"dim": 4})
    rows = [row | {"item": f"film {i % 60}"} for i, row in enumerate(make_rows(1500))]
    append_samples(films, make_batch(rows[:1000]), batch_id="first")
    update(films, "full")
    append_samples(films, make_batch(rows[1000:]), batch_id="second")
    return update(films, "incremental").result_version


def test_whose_neighbours_changed_is_shown_for_a_learner_with_vectors(as_viewer, factors):
    found = explaining.explanation_of(factors)
    explaining.explain(found.pk)
    found.refresh_from_db()
    [items] = found.content["neighbours"]
    assert items["by_chance"] is not None
    words = text(as_viewer.get("/recommenders/films/versions/2/explanation/"))
    assert "Neighbours of item" in words
    assert f"{items['movers'][0]['value']} " in words
    assert items["how"] in words


def test_where_files_are_gone_nothing_is_asked_and_the_page_says_so(as_viewer, updated):
    parent = updated.parent
    parent.pruned_at = updated.created_at
    parent.save(update_fields=["pruned_at"])
    page = as_viewer.get(ADDRESS)
    assert "The files of version 1 are no longer kept: it cannot be compared." in text(page)
    assert '<option value="1" selected>v1, its parent</option>' in page.content.decode()
    assert not Explanation.objects.exists()


def test_what_was_worked_out_before_stays_when_files_are_gone(as_viewer, updated):
    as_viewer.get(ADDRESS)
    explaining.explain(Explanation.objects.get().pk)
    updated.pruned_at = updated.created_at
    updated.save(update_fields=["pruned_at"])
    page = as_viewer.get(ADDRESS)
    assert "Top movers of live traffic" in text(page)
    assert page.content.decode().count("<option") == 1
