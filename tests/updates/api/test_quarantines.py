"""Quarantines: …/quarantines, their preview and lifting, …/users/{user}/erase."""

import pytest

from updates.flows.execute import execute
from updates.models import AuditEvent, Quarantine

PATH = "recommenders/news/quarantines"
BAD = {"first_offset": 101, "last_offset": 130}
WHY = {"reason": "a broken logger"}


@pytest.fixture
def news(live, append, update):
    """1,500 samples, learned by two versions."""
    append(live.recommender, 500)
    update(live.recommender, "incremental")
    return live.recommender


def test_the_cost_is_told_and_nothing_changed(as_operator, news):
    body = {"selection": {"first_offset": 1101, "last_offset": 1200}}
    told = as_operator.post(f"{PATH}/preview", body).json()
    assert (told["samples"], told["affected"], told["rebuilds"]) == (100, [2], True)
    assert (told["serves"], told["base"], told["serves_affected"]) == (1, 1, False)
    assert (told["samples_to_replay"], told["obstacle"]) == (400, "")
    assert told["cpu_seconds"] > 0
    assert not Quarantine.objects.exists()


def test_samples_are_quarantined_and_that_is_undone(as_operator, news):
    made = as_operator.post(PATH, {"selection": BAD, **WHY})
    assert made.status_code == 202
    assert (made.json()["state"], made.json()["samples"]) == ("marked", 30)
    assert (made.json()["created_by"], made.json()["reason"]) == ("operator", "a broken logger")
    execute(made.json()["run"], "test")
    [listed] = as_operator.get(PATH).json()["results"]
    assert (listed["state"], listed["ranges"]) == ("done", [BAD])
    lifted = as_operator.post(f"{PATH}/{made.json()['id']}/lift", {"reason": "it was right"})
    assert (lifted.status_code, lifted.json()["lifted_by"]) == (202, "operator")
    execute(lifted.json()["run"], "test")
    found = as_operator.get(f"{PATH}/{made.json()['id']}").json()
    assert (found["state"], found["lift_reason"]) == ("done", "it was right")
    version = as_operator.get("recommenders/news/versions/2").json()
    assert version["state"] == "live"


def test_a_filter_and_a_time_are_met_together(as_operator, news):
    times = {
        "event_time_from": "2026-01-01T00:02:00Z",
        "event_time_to": "2026-01-01T00:20:00+00:00",
    }
    chosen = {**times, "where": {"user": "u7", "device": "phone"}}
    made = as_operator.post(PATH, {"selection": chosen, **WHY}).json()
    # Users take turns of 50 seconds: from 2:00 to 20:00 they come 21 times at 157, 207, …
    assert made["samples"] == 21
    assert made["ranges"][0] == {"first_offset": 158, "last_offset": 158}
    assert made["selection"]["where"] == {"user": "u7", "device": "phone"}


def test_a_batch_is_chosen_by_what_its_id_begins_with(as_operator, news):
    told = as_operator.post(f"{PATH}/preview", {"selection": {"batch_prefix": "rows-1000"}}).json()
    assert told["samples"] == 500


@pytest.mark.parametrize(
    ("selection", "field"),
    [
        ({}, "selection"),
        ({"first_offset": 9, "last_offset": 3}, "last_offset"),
        ({"where": {"colour": "red"}}, "where"),
        ({"where": {"price": "cheap"}}, "where"),
        ({"first_offset": 99_999}, "selection"),
        ({"offset": 3}, "offset"),
    ],
)
def test_what_is_wrong_is_named(selection, field, as_operator, news):
    refused = as_operator.post(PATH, {"selection": selection, **WHY})
    assert refused.status_code == 400
    assert refused.json()["errors"][0]["field"].split(".")[-1] == field


def test_a_lifted_one_cannot_be_lifted_again(as_operator, news):
    made = as_operator.post(PATH, {"selection": BAD, **WHY}).json()
    for status in (202, 409):
        response = as_operator.post(f"{PATH}/{made['id']}/lift", {"reason": "it was right"})
        assert response.status_code == status
    assert response.json()["type"].endswith("wrong-state")


def test_who_did_what_is_in_the_audit_trail(as_operator, news):
    made = as_operator.post(PATH, {"selection": BAD, **WHY}).json()
    as_operator.post(f"{PATH}/{made['id']}/lift", {"reason": "it was right"})
    lines = AuditEvent.objects.filter(subject=f"quarantine {made['id']}, 30 samples")
    assert [(line.actor, line.action, line.why) for line in lines.order_by("id")] == [
        ("operator", "created", "a broken logger"),
        ("operator", "changed", "it was right"),
    ]


def test_an_admin_erases_a_user(as_admin, news):
    response = as_admin.post("recommenders/news/users/u7/erase", {"reason": "asked for"})
    assert response.status_code == 202
    assert (response.json()["erases"], response.json()["samples"]) == (True, 30)
