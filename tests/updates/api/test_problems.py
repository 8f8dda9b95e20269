"""Errors: RFC 9457, whatever goes wrong."""

import pytest
from django.db import OperationalError

from updates.api.problems import TITLES

MEMBERS = {"type", "title", "status", "detail", "instance", "errors"}


def assert_problem(response, status):
    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert problem.keys() >= MEMBERS
    assert problem["status"] == status
    return problem


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v2/recommenders", "/api/v1/", "/api/x"])
@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_an_unknown_address_is_a_problem(method, path, as_viewer):
    problem = assert_problem(getattr(as_viewer, method)(path), 404)
    assert problem["instance"] == path


def test_a_method_that_is_not_there_is_a_problem(as_admin, news):
    response = as_admin.put("recommenders/news", {})
    assert_problem(response, 405)
    assert "PATCH" in response["Allow"]


def test_unreadable_json_is_a_problem(as_admin, db):
    response = as_admin.generic("POST", "recommenders", "{", "application/json")
    assert "JSON" in assert_problem(response, 400)["detail"]


@pytest.mark.parametrize("body", ["[]", "1", '"x"', "null"])
def test_json_of_another_shape_is_a_problem(body, as_admin, db):
    assert_problem(as_admin.generic("POST", "recommenders", body, "application/json"), 400)


def test_a_form_is_refused(as_admin, db):
    response = as_admin.post("recommenders", {"slug": "x"}, format="multipart")
    assert_problem(response, 415)


def test_an_answer_that_nobody_can_read_is_not_given(as_viewer, db):
    assert_problem(as_viewer.get("recommenders", headers={"Accept": "text/csv"}), 406)


def test_a_failure_is_logged_and_tells_nothing(as_viewer, news, monkeypatch, caplog):
    def fail(*args, **kwargs):
        raise RuntimeError("the secret is 42")

    monkeypatch.setattr("updates.api.views.base.Recommender.objects.filter", fail)
    problem = assert_problem(as_viewer.get("recommenders/news/policies"), 500)
    assert "42" not in str(problem)
    assert "the secret is 42" in caplog.text


def test_a_busy_database_asks_to_come_again(as_viewer, news, monkeypatch):
    def fail(*args, **kwargs):
        raise OperationalError("database is locked")

    monkeypatch.setattr("updates.api.views.base.Recommender.objects.filter", fail)
    response = as_viewer.get("recommenders/news/policies")
    assert_problem(response, 503)
    assert response["Retry-After"] == "1"


def test_faults_of_several_fields_are_all_named(as_admin, db):
    wanted = {"slug": "a b", "name": "", "learner": "sparse_linear", "schema": {"item": "label"}}
    problem = assert_problem(as_admin.post("recommenders", wanted), 400)
    assert {error["field"] for error in problem["errors"]} == {"slug", "name", "schema.label"}
    assert all(error["field"] in problem["detail"] for error in problem["errors"])


def test_the_type_of_a_problem_leads_to_the_page_that_explains_it(as_operator, news, make_run):
    make_run(news)
    response = as_operator.post("recommenders/news/updates", {"strategy": "full"})
    problem = assert_problem(response, 409)
    path, _, kind = problem["type"].partition("#")
    assert problem["title"] == TITLES[kind]
    assert as_operator.get(path).status_code == 200
