"""GET versions/{n}/explanation."""

import pytest

from tests.updates.api.test_problems import assert_problem
from updates.flows import explain as explaining
from updates.flows.prune import prune
from updates.models import Explanation

ADDRESS = "recommenders/news/versions/2/explanation"


@pytest.fixture(autouse=True)
def _no_worker(monkeypatch):
    monkeypatch.setattr(explaining.current_app, "send_task", lambda *args, **kwargs: None)


@pytest.fixture
def updated(live, append, update):
    append(live.recommender, 500)
    run = update(live.recommender, "incremental")
    append(live.recommender, 300)
    return run.result_version


def test_it_is_queued_first_and_answered_once_it_is_worked_out(as_viewer, updated):
    first = as_viewer.get(ADDRESS).json()
    assert (first["version"], first["against"]) == (2, 1)
    assert (first["state"], first["content"]) == ("queued", None)
    explaining.explain(Explanation.objects.get().pk)
    told = as_viewer.get(ADDRESS).json()
    assert told["state"] == "ready"
    assert told["content"]["sentences"]
    assert told["content"]["samples"]["since"]["samples"] == 300


def test_another_version_may_be_chosen(as_viewer, updated):
    told = as_viewer.get("recommenders/news/versions/1/explanation?against=2").json()
    assert (told["version"], told["against"]) == (1, 2)


def test_a_version_that_is_not_there_is_the_parameters_fault(as_viewer, updated):
    response = as_viewer.get(f"{ADDRESS}?against=9")
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "against"


def test_the_first_version_has_none_by_itself(as_viewer, updated):
    response = as_viewer.get("recommenders/news/versions/1/explanation")
    assert response.status_code == 409
    assert response.json()["type"].endswith("not-explainable")


def test_files_that_are_gone_are_a_problem_at_once_and_no_work_for_a_worker(as_viewer, updated):
    updated.recommender.keep_versions = 1
    prune(updated.recommender)
    problem = assert_problem(as_viewer.get(ADDRESS), 409)
    assert problem["type"].endswith("not-explainable")
    assert problem["detail"].startswith("The files of version 1 are no longer kept")
    assert not Explanation.objects.exists()
