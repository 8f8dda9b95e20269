"""The description of the API is valid, and true."""

import pytest
from django.core.management import call_command
from django.urls import get_resolver

from tests.updates.api.conftest import description
from updates.api.problems import TITLES


def test_it_is_made_without_a_warning(tmp_path):
    path = tmp_path / "schema.yml"
    call_command("spectacular", validate=True, fail_on_warn=True, file=str(path))
    assert path.stat().st_size


def test_it_is_the_same_each_time_that_it_is_asked_for(client):
    first, second = (client.get("/api/schema/?format=json").content for _ in range(2))
    assert first == second


def test_it_describes_every_address_of_the_api():
    api = next(r for r in get_resolver().url_patterns if str(r.pattern) == "api/")
    v1 = next(r for r in api.url_patterns if str(r.pattern) == "v1/")
    named = [pattern for pattern in v1.url_patterns if pattern.name]
    assert len(description()["paths"]) == len(named)


def test_it_can_be_read_without_an_account(client):
    assert client.get("/api/schema/").status_code == 200


def test_every_kind_of_problem_is_explained():
    assert all(title in description()["info"]["description"] for title in TITLES.values())


def test_options_of_each_learner_are_described_with_their_bounds():
    described = description()["components"]["schemas"]["RecommenderRequest"]["properties"]
    learners = {one["title"]: one for one in described["learner_options"]["anyOf"]}
    assert learners["sparse_linear"]["properties"]["alpha"]["type"] == "number"


@pytest.mark.parametrize("path", ["/api/docs/", "/api/docs/?script="])
def test_the_readable_form_needs_no_inline_script(path, client):
    response = client.get(path)
    assert response.status_code == 200
    assert "script-src" not in response["Content-Security-Policy"]
    assert "default-src 'self'" in response["Content-Security-Policy"]
    if not path.endswith("script="):
        assert b"<style" not in response.content
        assert response.content.count(b"<script src=") == response.content.count(b"<script")
