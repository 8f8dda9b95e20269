"""What became live, for servers that are not ours: asked for, fetched, acknowledged."""

import hashlib
import threading
import time
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from tests.updates.api.conftest import Caller
from updates.flows import deployment_events
from updates.flows.promote import promote
from updates.models import Deployment, ServingTarget
from updates.store import artifacts

EVENTS = "recommenders/news/deployments/events"


@pytest.fixture
def edge(news):
    return ServingTarget.objects.create(recommender=news, name="edge-eu")


@pytest.fixture
def as_edge(edge):
    """The server itself, by its token."""
    caller = Caller()
    caller.credentials(HTTP_AUTHORIZATION=f"Target {edge.token}")
    return caller


def ids(answer):
    return [event["id"] for event in answer.json()["events"]]


def say(caller, event, state="swapped", target="edge-eu", **more):
    version = Deployment.objects.get(pk=event).version.number
    said = {"target": target, "state": state, "version": version} | more
    return caller.post(f"{EVENTS}/{event}/acknowledge", said)


def test_who_was_away_misses_nothing(as_viewer, deployed, operator):
    first, second = Deployment.objects.order_by("pk").values_list("pk", flat=True)
    assert ids(as_viewer.get(f"{EVENTS}?after=0")) == [first, second]
    assert ids(as_viewer.get(f"{EVENTS}?after={first}")) == [second]
    third = promote(deployed[0], reason="back", by=operator)
    assert ids(as_viewer.get(f"{EVENTS}?after={first}")) == [second, third.pk]
    assert ids(as_viewer.get(f"{EVENTS}?after={third.pk}")) == []


def test_who_starts_is_told_what_is_live_alone(as_viewer, deployed):
    [event] = as_viewer.get(EVENTS).json()["events"]
    assert (event["version"], event["previous_version"], event["kind"]) == (2, 1, "promotion")
    assert event["digest"] == deployed[1].digest
    assert event["reason"] == "try 2"


def test_where_nothing_was_ever_live_there_is_no_event(as_viewer, news):
    assert as_viewer.get(EVENTS).json() == {"events": [], "ask_again_seconds": 0}


def test_at_most_a_hundred_come_at_once(as_viewer, deployed, monkeypatch):
    monkeypatch.setattr(deployment_events, "MOST_EVENTS", 1)
    first = Deployment.objects.order_by("pk").first()
    assert ids(as_viewer.get(f"{EVENTS}?after=0")) == [first.pk]


def test_who_waits_is_told_as_soon_as_something_is_live(
    transactional_db, viewer, deployed, operator, monkeypatch
):
    monkeypatch.setattr(deployment_events, "LOOK_EVERY_SECONDS", 0.02)
    last = Deployment.objects.latest("pk").pk
    waits = threading.Event()
    looks = deployment_events._looks

    def noted(seconds):
        waits.set()
        yield from looks(seconds)

    monkeypatch.setattr(deployment_events, "_looks", noted)
    answers = []

    def ask():
        answers.append(Caller(viewer).get(f"{EVENTS}?after={last}&wait_seconds=30"))
        connections.close_all()

    thread = threading.Thread(target=ask)
    thread.start()
    assert waits.wait(10)
    began = time.monotonic()
    made = promote(deployed[2], reason="better", by=operator)
    thread.join(10)
    assert ids(answers[0]) == [made.pk]
    assert time.monotonic() - began < 5


def test_who_waits_in_vain_is_told_so_in_the_end(as_viewer, deployed, monkeypatch):
    monkeypatch.setattr(deployment_events, "LONGEST_WAIT_SECONDS", 0.05)
    last = Deployment.objects.latest("pk").pk
    answer = as_viewer.get(f"{EVENTS}?after={last}&wait_seconds=30")
    assert answer.json() == {"events": [], "ask_again_seconds": 0}


def test_who_comes_when_two_wait_already_is_sent_away_at_once(as_viewer, deployed):
    last = Deployment.objects.latest("pk").pk
    for _ in range(2):
        assert deployment_events._places.acquire(blocking=False)
    try:
        answer = as_viewer.get(f"{EVENTS}?after={last}&wait_seconds=30")
        assert answer.json() == {"events": [], "ask_again_seconds": 5}
    finally:
        for _ in range(2):
            deployment_events._places.release()


@pytest.mark.parametrize("wrong", ["after=-1", "after=x", "after=0&wait_seconds=31"])
def test_an_odd_question_names_the_field(wrong, as_viewer, news):
    answer = as_viewer.get(f"{EVENTS}?{wrong}")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] in wrong


def test_files_are_fetched_by_their_names_in_the_manifest(as_viewer, deployed):
    [event] = as_viewer.get(EVENTS).json()["events"]
    assert len(event["files"]) > 1
    for name, about in event["files"].items():
        answer = as_viewer.get(f"recommenders/news/versions/2/artifact/{name}")
        content = b"".join(answer.streaming_content)
        assert hashlib.sha256(content).hexdigest() == about["sha256"]
        assert len(content) == about["bytes"]
        assert answer["ETag"] == f'"{about["sha256"]}"'


@pytest.mark.parametrize("name", ["..%2Fmanifest.json", "%2Fetc%2Fpasswd", "secret_key", "..", "x"])
def test_no_other_file_is_sent(name, as_viewer, deployed, settings):
    (settings.RECADMIN_DATA / "secret_key").write_text("secret")
    assert as_viewer.get(f"recommenders/news/versions/2/artifact/{name}").status_code == 404


def test_files_that_are_no_longer_kept_are_said_to_be_gone(as_viewer, deployed):
    artifacts().prune(deployed[0].digest)
    files = artifacts().manifest(deployed[0].digest)["files"]
    answer = as_viewer.get(f"recommenders/news/versions/1/artifact/{next(iter(files))}")
    assert answer.status_code == 409
    assert "no longer kept" in answer.json()["detail"]


def test_a_server_says_that_it_has_swapped(as_edge, deployed):
    first, second = Deployment.objects.order_by("pk")
    answer = say(as_edge, first.pk).json()
    assert (answer["state"], answer["version"], answer["behind"]) == ("swapping", 1, 1)
    assert answer["behind_since"] is not None
    answer = say(as_edge, second.pk).json()
    assert (answer["state"], answer["version"], answer["behind"]) == ("synced", 2, 0)


def test_saying_it_again_changes_nothing(as_edge, edge, deployed, time_machine):
    last = Deployment.objects.latest("pk").pk
    first = say(as_edge, last).json()
    time_machine.move_to(timezone.now() + timedelta(seconds=5))
    again = say(as_edge, last).json()
    assert again | {"reported_at": first["reported_at"]} == first


def test_a_failure_is_kept_until_it_has_swapped(as_edge, deployed):
    first, second = Deployment.objects.order_by("pk")
    say(as_edge, first.pk)
    answer = say(as_edge, second.pk, "failed", error="out of memory").json()
    assert (answer["state"], answer["version"]) == ("failed", 1)
    assert answer["error"] == "out of memory"
    # It goes on with what it had, and says so.
    assert say(as_edge, first.pk).json()["state"] == "failed"
    answer = say(as_edge, second.pk).json()
    assert (answer["state"], answer["error"]) == ("synced", "")


def test_who_cannot_serve_any_more_what_it_served_serves_nothing_that_is_known(as_edge, deployed):
    last = Deployment.objects.latest("pk").pk
    say(as_edge, last)
    answer = say(as_edge, last, "failed", error="restarted; the disk is full").json()
    assert (answer["state"], answer["version"]) == ("failed", None)


def test_a_server_rolls_back_as_recadmin_does(as_edge, as_operator, deployed):
    say(as_edge, Deployment.objects.latest("pk").pk)
    as_operator.post("recommenders/news/rollback", {"to": 1, "reason": "worse"})
    [event] = as_edge.get(EVENTS).json()["events"]
    assert (event["kind"], event["version"]) == ("rollback", 1)
    assert say(as_edge, event["id"]).json()["version"] == 1


@pytest.mark.parametrize(
    ("field", "said"),
    [
        ("version", {"version": 1}),
        ("target", {"target": "nobody"}),
        ("error", {"error": "none"}),
        ("state", {"state": "asleep"}),
        ("more", {"more": 1}),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(field, said, as_operator, edge, deployed):
    answer = say(as_operator, Deployment.objects.latest("pk").pk, **said)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field


def test_a_server_speaks_for_itself_alone(as_edge, news, deployed):
    ServingTarget.objects.create(recommender=news, name="edge-us")
    answer = say(as_edge, Deployment.objects.latest("pk").pk, target="edge-us")
    assert answer.status_code == 403
    assert answer.json()["type"].endswith("other-server")


def test_a_server_s_token_opens_nothing_else(as_edge, deployed, make_recommender):
    make_recommender("films")
    assert as_edge.get(EVENTS).status_code == 200
    assert as_edge.get("recommenders/films/deployments/events").status_code == 403
    for path in ("recommenders/news", "recommenders/news/targets", "recommenders"):
        assert as_edge.get(path).status_code == 401
    assert as_edge.post("recommenders/news/rollback", {"to": 1, "reason": "x"}).status_code == 401


@pytest.mark.parametrize("token", ["", "1.", "x", "1.00ff", "999999999999999999999.a", "1.ä"])
def test_a_token_that_is_no_server_s_opens_nothing(token, edge):
    caller = Caller()
    caller.credentials(HTTP_AUTHORIZATION=f"Target {token}".encode("latin-1"))
    assert caller.get(EVENTS).status_code == 401


def test_a_token_is_good_for_a_day_after_its_change_and_gone_with_its_server(
    as_edge, edge, time_machine
):
    edge.rotate(timezone.now())
    assert as_edge.get(EVENTS).status_code == 200
    time_machine.move_to(timezone.now() + timedelta(days=1, seconds=1))
    assert as_edge.get(EVENTS).status_code == 401
    as_edge.credentials(HTTP_AUTHORIZATION=f"Target {edge.token}")
    assert as_edge.get(EVENTS).status_code == 200
    edge.delete()
    assert as_edge.get(EVENTS).status_code == 401
