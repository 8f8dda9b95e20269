"""Policies: list, create, read, change with a receipt, delete, lift a hold."""

from datetime import timedelta

import pytest
import time_machine
from django.utils import timezone

from updates.models import CadenceChange, UpdatePolicy, UpdateRun

POLICIES = "recommenders/news/policies"
DAILY = {
    "name": "daily",
    "strategy": "full",
    "trigger": "cron",
    "cadence": {"cron": "0 3 * * *", "timezone": "Europe/Paris"},
    "guardrails": {"min_samples": 100},
}


@pytest.fixture
def hourly(news, make_policy):
    return make_policy(news)


def fields_at_fault(response):
    assert response.status_code == 400, response.content
    return {error["field"] for error in response.json()["errors"]}


def test_what_is_created_can_be_read(as_admin, news):
    created = as_admin.post(POLICIES, DAILY)
    assert created.status_code == 201
    found = as_admin.get(created["Location"]).json()
    assert found["cadence"]["timezone"] == "Europe/Paris"
    assert (found["guardrails"]["min_samples"], found["guardrails"]["max_ne_increase"]) == (
        100,
        0.01,
    )


def test_creating_one_fires_nothing_and_says_when_it_will(as_admin, news):
    with time_machine.travel("2026-06-01T10:00:00Z", tick=False):
        created = as_admin.post(POLICIES, DAILY).json()
    assert created["next_due_at"] == "2026-06-02T01:00:00Z"
    assert not UpdateRun.objects.exists()


@pytest.mark.parametrize("missing", ["name", "strategy"])
def test_a_missing_field_is_named(missing, as_admin, news):
    wanted = {name: value for name, value in DAILY.items() if name != missing}
    assert fields_at_fault(as_admin.post(POLICIES, wanted)) == {missing}


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"cadence": {"cron": "every day"}}, "cadence.cron"),
        ({"cadence": {"cron": "0 3 * * *", "timezone": "Mars"}}, "cadence.timezone"),
        ({"cadence": {"cronn": "0 3 * * *"}}, "cadence.cronn"),
        ({"trigger": "interval"}, "cadence.interval_seconds"),
        (
            {"trigger": "interval", "cadence": {"interval_seconds": 10**10}},
            "cadence.interval_seconds",
        ),
        ({"trigger": "samples"}, "cadence.every_samples"),
        ({"trigger": "moon"}, "trigger"),
        ({"strategy": "magic"}, "strategy"),
        ({"components": ["wings"]}, "components"),
        ({"window_seconds": 0}, "window_seconds"),
        ({"guardrails": {"min_calibration": 3}}, "guardrails.max_calibration"),
        ({"replay_fraction": -1}, "replay_fraction"),
    ],
)
def test_a_bad_value_is_named(change, fault, as_admin, news):
    assert fields_at_fault(as_admin.post(POLICIES, DAILY | change)) == {fault}
    assert not UpdatePolicy.objects.exists()


def test_a_taken_name_is_a_conflict(as_admin, hourly):
    assert as_admin.post(POLICIES, DAILY | {"name": "hourly"}).status_code == 409


def test_another_recommenders_policy_is_not_found(as_admin, hourly, make_recommender):
    make_recommender("music")
    assert as_admin.get("recommenders/music/policies/hourly").status_code == 404


def test_a_cadence_change_is_answered_with_its_receipt(as_operator, hourly, operator):
    with time_machine.travel(timezone.now(), tick=False):
        answer = as_operator.patch(f"{POLICIES}/hourly", {"cadence": {"interval_seconds": 600}})
    receipt = answer.json()["receipt"]
    assert receipt["before"]["interval_seconds"] == 3600
    assert receipt["after"]["interval_seconds"] == 600
    assert len(receipt["fires_after"]) == 10
    assert answer.json()["next_due_at"] == receipt["fires_after"][0]
    assert CadenceChange.objects.get().changed_by == operator


def test_a_cadence_change_fires_nothing(as_operator, hourly):
    as_operator.patch(f"{POLICIES}/hourly", {"trigger": "cron", "cadence": {"cron": "* * * * *"}})
    assert not UpdateRun.objects.exists()
    hourly.refresh_from_db()
    assert hourly.next_due_at > timezone.now() - timedelta(seconds=60)


def test_a_change_of_one_part_of_the_cadence_keeps_the_others(as_admin, news):
    as_admin.post(POLICIES, DAILY)
    changed = as_admin.patch(f"{POLICIES}/daily", {"cadence": {"cron": "0 4 * * *"}}).json()
    assert changed["cadence"]["timezone"] == "Europe/Paris"


def test_a_bad_cadence_changes_nothing(as_operator, hourly):
    refused = as_operator.patch(
        f"{POLICIES}/hourly", {"enabled": False, "cadence": {"interval_seconds": 0}}
    )
    assert fields_at_fault(refused) == {"cadence.interval_seconds"}
    hourly.refresh_from_db()
    assert hourly.enabled


def test_an_operator_may_pause_without_a_receipt(as_operator, hourly):
    answer = as_operator.patch(f"{POLICIES}/hourly", {"enabled": False}).json()
    assert (answer["enabled"], answer["receipt"]) == (False, None)


@pytest.mark.parametrize(
    "change", [{"guardrails": {"min_samples": 5}}, {"strategy": "full"}, {"window_seconds": 60}]
)
def test_configuring_needs_an_admin(change, as_operator, as_admin, hourly):
    refused = as_operator.patch(f"{POLICIES}/hourly", change)
    assert refused.status_code == 403
    assert "admin" in refused.json()["detail"]
    assert as_admin.patch(f"{POLICIES}/hourly", change).status_code == 200


def test_a_change_is_in_the_audit_trail_with_its_author(as_operator, operator, hourly):
    as_operator.patch(f"{POLICIES}/hourly", {"cadence": {"interval_seconds": 600}})
    assert hourly.history.latest().history_user == operator


def test_the_runs_of_a_deleted_policy_stay(as_admin, news, hourly, make_run):
    run = make_run(news, policy=hourly)
    assert as_admin.delete(f"{POLICIES}/hourly").status_code == 204
    assert as_admin.get(f"updates/{run.pk}").json()["policy"] is None


def test_a_held_policy_says_why_and_can_be_let_go(as_operator, deployed, news, make_policy):
    make_policy(news)
    wanted = {"to": 1, "reason": "it clicks less", "hold": True}
    as_operator.post("recommenders/news/rollback", wanted)
    held = as_operator.get(f"{POLICIES}/hourly").json()
    assert "it clicks less" in held["hold_reason"]
    free = as_operator.post(f"{POLICIES}/hourly/lift-hold").json()
    assert free["hold_reason"] == ""


@pytest.mark.parametrize("count", [2, 40])
def test_listing_many_takes_as_many_queries_as_listing_few(
    count, as_viewer, news, make_policy, django_assert_max_num_queries
):
    for i in range(count):
        make_policy(news, f"p{i}")
    with django_assert_max_num_queries(6):
        assert len(as_viewer.get(POLICIES).json()["results"]) == count


def test_an_online_policy_is_continuous_without_being_told(as_admin, news):
    body = {"name": "always", "strategy": "online", "version_every_minutes": 5}
    answer = as_admin.post(POLICIES, body)
    assert answer.status_code == 201, answer.content
    assert answer.json()["trigger"] == "continuous"
    assert UpdatePolicy.objects.get(name="always").trigger == "continuous"
