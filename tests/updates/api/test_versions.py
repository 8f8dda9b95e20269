"""Versions: list, read, promote; POST rollback; GET deployments."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from urllib.parse import quote

import pytest
import time_machine
from django.db import connections
from django.utils import timezone

from tests.updates.api.conftest import Caller
from updates.flows.promote import promote
from updates.models import Deployment, Recommender
from updates.store import artifacts

VERSIONS = "recommenders/news/versions"
ROLLBACK = "recommenders/news/rollback"
DEPLOYMENTS = "recommenders/news/deployments"


def fields_at_fault(response):
    assert response.status_code == 400, response.content
    return {error["field"] for error in response.json()["errors"]}


def live_number():
    return Recommender.objects.get(slug="news").live_version.number


def damage(version):
    for path in artifacts().folder(version.digest).glob("*.safetensors"):
        path.write_bytes(b"something else")


def test_versions_are_listed_newest_first_with_their_states(as_viewer, deployed):
    found = as_viewer.get(VERSIONS).json()["results"]
    states = [(version["number"], version["state"]) for version in found]
    assert states == [(3, "candidate"), (2, "live"), (1, "retired")]


def test_a_version_says_what_it_learned_how_good_and_how_sparse_it_is(as_viewer, live):
    found = as_viewer.get(f"{VERSIONS}/1").json()
    assert found["learned_ranges"] == [{"first_offset": 1, "last_offset": 1000}]
    assert found["run"] == live.run.pk
    assert found["metrics"]["candidate"]["auc"] > 0.5
    assert found["sparsity"]["non_zero"] > 0
    assert found["components"]["weights"]["run"] == live.run.pk


@pytest.mark.parametrize("count", [2, 40])
def test_listing_many_takes_as_many_queries_as_listing_few(
    count, as_viewer, news, make_version, django_assert_max_num_queries
):
    parent = None
    for _ in range(count):
        parent = make_version(news, parent=parent)
    with django_assert_max_num_queries(6):
        assert len(as_viewer.get(VERSIONS).json()["results"]) == count


def test_a_candidate_is_promoted_with_who_and_why(as_operator, deployed):
    moved = as_operator.post(f"{VERSIONS}/3/promote", {"reason": "looks better"}).json()
    assert (moved["version"], moved["previous"], moved["moved_by"]) == (3, 2, "operator")
    assert (moved["kind"], moved["reason"]) == ("promotion", "looks better")
    assert live_number() == 3


@pytest.mark.parametrize("body", [{}, {"reason": ""}, {"reason": "  "}])
def test_a_promotion_needs_a_reason(body, as_operator, deployed):
    assert fields_at_fault(as_operator.post(f"{VERSIONS}/3/promote", body)) == {"reason"}


def test_what_is_live_already_is_not_promoted(as_operator, deployed):
    response = as_operator.post(f"{VERSIONS}/2/promote", {"reason": "again"})
    assert response.status_code == 409
    assert response.json()["type"].endswith("wrong-state")


def test_a_damaged_version_is_refused_and_the_live_one_stays(as_operator, deployed):
    damage(deployed[2])
    response = as_operator.post(f"{VERSIONS}/3/promote", {"reason": "try"})
    assert response.status_code == 409
    assert response.json()["type"].endswith("corrupt-artifact")
    assert live_number() == 2


def test_of_many_promoting_at_once_one_succeeds(operator, transactional_db, deployed):
    def move(caller):
        try:
            return caller.post(f"{VERSIONS}/3/promote", {"reason": "now"}).status_code
        finally:
            connections.close_all()

    callers = [Caller(operator) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(move, callers)) == [200, 409, 409, 409]
    assert Deployment.objects.filter(ended_at=None).count() == 1


def test_a_roll_back_makes_an_earlier_version_live(as_operator, deployed, news, make_policy):
    policy = make_policy(news)
    moved = as_operator.post(ROLLBACK, {"to": 1, "reason": "worse on mobile"}).json()
    assert (moved["kind"], moved["version"], moved["previous"]) == ("rollback", 1, 2)
    assert live_number() == 1
    policy.refresh_from_db()
    assert policy.active


def test_a_roll_back_with_hold_pauses_policies_and_cancels_runs(
    as_operator, deployed, news, make_policy, make_run
):
    policy, run = make_policy(news), make_run(news)
    as_operator.post(ROLLBACK, {"to": 1, "reason": "worse", "hold": True})
    policy.refresh_from_db()
    assert not policy.active
    assert as_operator.get(f"updates/{run.pk}").json()["state"] == "cancelled"


def test_a_hold_for_a_time_says_when_it_ends(as_operator, deployed, news, make_policy):
    policy = make_policy(news)
    as_operator.post(ROLLBACK, {"to": 1, "reason": "worse", "hold": True, "hold_seconds": 600})
    shown = as_operator.get(f"recommenders/news/policies/{policy.name}").json()
    ends_at = datetime.fromisoformat(shown["hold_until"])
    assert timedelta(minutes=9) < ends_at - timezone.now() <= timedelta(minutes=10)


def test_what_a_roll_back_would_take_back_is_told_before(as_viewer, deployed):
    told = as_viewer.get(ROLLBACK, {"to": 1}).json()
    assert (told["live"], told["to"]) == (2, 1)
    assert (told["requests"], told["rows"], told["users"]) == (0, 0, None)
    assert told["judged"] is None
    assert told["not_judged"]
    assert live_number() == 2


@pytest.mark.parametrize(("number", "status"), [(2, 409), (99, 404), ("one", 400)])
def test_what_cannot_be_gone_back_to_takes_nothing_back(number, status, as_viewer, deployed):
    assert as_viewer.get(ROLLBACK, {"to": number}).status_code == status


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ({"to": 1, "reason": "worse", "hold_seconds": 60}, "hold_seconds"),
        ({"to": 1, "reason": "worse", "hold": True, "hold_seconds": 0}, "hold_seconds"),
        ({"reason": "worse"}, "to"),
        ({"to": 1}, "reason"),
        ({"to": 9, "reason": "worse"}, "to"),
        ({"to": 3, "reason": "never was live"}, "to"),
        ({"to": "one", "reason": "worse"}, "to"),
        ({"to": 1, "reason": "worse", "hold": "maybe"}, "hold"),
    ],
)
def test_a_bad_roll_back_names_its_field_and_moves_nothing(body, fault, as_operator, deployed):
    assert fields_at_fault(as_operator.post(ROLLBACK, body)) == {fault}
    assert live_number() == 2


def test_it_does_not_roll_back_to_what_is_live(as_operator, deployed):
    assert as_operator.post(ROLLBACK, {"to": 2, "reason": "worse"}).status_code == 409


def test_it_does_not_roll_back_to_damaged_files(as_operator, deployed):
    damage(deployed[0])
    assert as_operator.post(ROLLBACK, {"to": 1, "reason": "worse"}).status_code == 409
    assert live_number() == 2


def test_deployments_say_who_moved_what_and_why(as_viewer, deployed):
    newest, oldest = as_viewer.get(DEPLOYMENTS).json()["results"]
    assert (newest["version"], newest["previous"], newest["ended_at"]) == (2, 1, None)
    assert (oldest["reason"], oldest["moved_by"]) == ("try 1", "operator")
    assert oldest["ended_at"] == newest["started_at"]


@pytest.mark.parametrize(("hours", "live"), [(-1, []), (0, [1]), (1, [1]), (2, [2]), (9, [2])])
def test_what_was_live_at_a_time(hours, live, as_viewer, news, make_version):
    start = timezone.now()
    for number in (1, 2):
        with time_machine.travel(start + timedelta(hours=2 * (number - 1)), tick=False):
            promote(make_version(news), reason=f"version {number}")
    at = quote((start + timedelta(hours=hours)).isoformat())
    found = as_viewer.get(f"{DEPLOYMENTS}?at={at}").json()["results"]
    assert [deployment["version"] for deployment in found] == live


def test_a_time_that_is_none_is_named(as_viewer, news):
    assert fields_at_fault(as_viewer.get(f"{DEPLOYMENTS}?at=yesterday")) == {"at"}


@pytest.mark.parametrize("count", [2, 40])
def test_listing_many_moves_takes_as_many_queries_as_listing_few(
    count, as_viewer, news, operator, make_version, django_assert_max_num_queries
):
    for _ in range(count):
        promote(make_version(news), reason="next", by=operator)
    with django_assert_max_num_queries(6):
        assert len(as_viewer.get(DEPLOYMENTS).json()["results"]) == count
