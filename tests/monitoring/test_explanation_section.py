"""What a version learned, on its page."""

import pytest

from tests.monitoring.conftest import text
from updates.flows import explain as explaining
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
