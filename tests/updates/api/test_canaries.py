"""Canaries over the API: begun, shown, ended."""

import pytest

from updates.models import Canary, Recommender

VERSIONS = "recommenders/news/versions"
BODY = {"share": 0.05, "seconds": 600, "reason": "the data is right"}


@pytest.fixture(autouse=True)
def _log(valkey):
    """Canaries begin where the log ends."""


@pytest.fixture
def begun(as_operator, deployed):
    """Version 3 on trial, by hand."""
    response = as_operator.post(f"{VERSIONS}/3/canary", BODY)
    assert response.status_code == 200, response.content
    return response.json()


def fields_at_fault(response):
    assert response.status_code == 400, response.content
    return {error["field"] for error in response.json()["errors"]}


def refused(response):
    assert response.status_code == 409, response.content
    problem = response.json()
    return problem["type"].rpartition("#")[2], problem["detail"]


def test_it_says_what_is_on_trial_for_whom_and_why(begun):
    assert (begun["version"], begun["live"], begun["run"]) == (3, 2, None)
    assert (begun["state"], begun["share"], begun["reason"]) == ("running", 0.05, BODY["reason"])
    assert (begun["begun_by"], begun["scored_requests"], begun["metrics"]) == ("operator", 0, None)


def test_the_recommender_says_what_is_on_trial(as_viewer, begun):
    assert as_viewer.get("recommenders/news").json()["canary"] == begun
    [found] = as_viewer.get("recommenders").json()["results"]
    assert found["canary"] == begun


def test_the_recommender_says_when_nothing_is(as_viewer, deployed):
    assert as_viewer.get("recommenders/news").json()["canary"] is None


def test_a_share_is_a_tenth_unless_said(as_operator, deployed):
    body = {name: BODY[name] for name in ("seconds", "reason")}
    assert as_operator.post(f"{VERSIONS}/3/canary", body).json()["share"] == 0.1


@pytest.mark.parametrize(
    "wrong", [{"share": 0.51}, {"share": -0.1}, {"seconds": 9}, {"seconds": None}, {"reason": " "}]
)
def test_what_is_wrong_with_it_is_named(wrong, as_operator, deployed):
    response = as_operator.post(f"{VERSIONS}/3/canary", BODY | wrong)
    assert fields_at_fault(response) == set(wrong)


def test_one_at_a_time(as_operator, begun):
    kind, detail = refused(as_operator.post(f"{VERSIONS}/1/canary", BODY))
    assert kind == "on-trial"
    assert "Version 3 is on trial until" in detail


def test_updates_are_refused_meanwhile(as_operator, begun):
    response = as_operator.post("recommenders/news/updates", {"strategy": "full"})
    assert refused(response)[0] == "on-trial"


def test_the_live_version_is_not_tried(as_operator, deployed):
    response = as_operator.post(f"{VERSIONS}/2/canary", BODY)
    assert refused(response) == ("wrong-state", "Version 2 is live.")


def test_ended_with_promotion_it_is_live(as_operator, as_viewer, begun):
    body = {"promote": True, "reason": "it is fine"}
    found = as_operator.post(f"{VERSIONS}/3/canary/end", body).json()
    assert (found["state"], found["ended_by"]) == ("promoted", "operator")
    assert found["verdict"].startswith("Promoted before its canary ended: It is fine.")
    assert Recommender.objects.get(slug="news").live_version.number == 3
    [listed] = as_viewer.get("recommenders/news/canaries").json()["results"]
    assert listed == found


def test_ended_without_promotion_it_is_not(as_operator, begun):
    body = {"promote": False, "reason": "not on a Friday"}
    found = as_operator.post(f"{VERSIONS}/3/canary/end", body).json()
    assert found["state"] == "cancelled"
    assert Recommender.objects.get(slug="news").live_version.number == 2
    again = as_operator.post(f"{VERSIONS}/3/canary/end", body)
    assert refused(again) == ("wrong-state", "Version 3 is not on trial.")


@pytest.mark.parametrize(
    "body", [{"promote": True}, {"reason": "x"}, {"promote": 7, "reason": "x"}]
)
def test_an_end_says_how_and_why(body, as_operator, begun):
    assert fields_at_fault(as_operator.post(f"{VERSIONS}/3/canary/end", body))
    assert Canary.objects.get().state == "running"


def test_viewers_begin_and_end_nothing(as_viewer, begun):
    assert as_viewer.post(f"{VERSIONS}/1/canary", BODY).status_code == 403
    assert as_viewer.post(f"{VERSIONS}/3/canary/end", BODY).status_code == 403


def test_a_policy_says_whether_candidates_are_tried(as_admin, news):
    body = {
        "name": "daily",
        "strategy": "full",
        "trigger": "manual",
        "canary_seconds": 600,
        "canary_share": 0,
    }
    made = as_admin.post("recommenders/news/policies", body).json()
    assert (made["canary_seconds"], made["canary_share"]) == (600, 0)
    wrong = as_admin.patch("recommenders/news/policies/daily", {"canary_share": 0.6})
    assert fields_at_fault(wrong) == {"canary_share"}


def test_only_admins_decide_whether_candidates_are_tried(as_operator, make_policy, news):
    make_policy(news)
    response = as_operator.patch("recommenders/news/policies/hourly", {"canary_seconds": 600})
    assert response.status_code == 403


def test_canaries_do_not_go_with_learning_online(as_admin, make_policy, news):
    make_policy(news, "hourly", canary_seconds=600)
    online = {"name": "always", "strategy": "online"}
    response = as_admin.post("recommenders/news/policies", online)
    assert fields_at_fault(response) == {"strategy"}
    response = as_admin.post("recommenders/news/policies", online | {"canary_seconds": 600})
    assert "canary_seconds" in fields_at_fault(response)
    as_admin.patch("recommenders/news/policies/hourly", {"canary_seconds": None})
    assert as_admin.post("recommenders/news/policies", online).status_code == 201
    response = as_admin.patch("recommenders/news/policies/hourly", {"canary_seconds": 600})
    assert fields_at_fault(response) == {"canary_seconds"}
