"""Idempotency-Key: sent again, answered alike, done once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import time_machine
from django.db import connections
from django.utils import timezone

from tests.updates.api.conftest import Caller, description
from updates.models import Deployment, IdempotentRequest, UpdateRun

START = "recommenders/news/updates"
KEY = {"Idempotency-Key": "k1"}


def test_a_retry_gets_the_first_answer_and_starts_nothing(as_operator, news):
    first, again = (as_operator.post(START, {"strategy": "full"}, headers=KEY) for _ in range(2))
    assert (again.status_code, again.json()) == (202, first.json())
    assert again["Location"] == first["Location"]
    assert UpdateRun.objects.count() == 1


def test_a_retry_is_answered_as_then_though_the_state_has_moved_on(as_operator, news):
    first = as_operator.post(START, {"strategy": "full"}, headers=KEY).json()
    as_operator.post(f"updates/{first['id']}/cancel", {})
    again = as_operator.post(START, {"strategy": "full"}, headers=KEY).json()
    assert again["state"] == "queued"


def test_at_once_it_is_done_once_and_all_get_the_same_answer(
    operator, transactional_db, news, valkey
):
    def start(caller):
        try:
            return caller.post(START, {"strategy": "full"}, headers=KEY).content
        finally:
            connections.close_all()

    callers = [Caller(operator) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(start, callers))) == 1
    assert UpdateRun.objects.count() == 1


def test_the_key_with_another_request_is_refused(as_operator, news):
    as_operator.post(START, {"strategy": "full"}, headers=KEY)
    response = as_operator.post(START, {"strategy": "incremental"}, headers=KEY)
    assert response.status_code == 422
    assert response.json()["errors"][0]["field"] == "Idempotency-Key"


def test_the_key_at_another_address_is_refused(as_operator, deployed, make_run, news):
    run = make_run(news)
    as_operator.post(f"updates/{run.pk}/cancel", {"reason": "x"}, headers=KEY)
    response = as_operator.post(
        "recommenders/news/versions/3/promote", {"reason": "x"}, headers=KEY
    )
    assert response.status_code == 422


def test_the_order_of_fields_makes_no_other_request(as_operator, deployed):
    bodies = [{"to": 1, "reason": "worse"}, {"reason": "worse", "to": 1}]
    answers = [as_operator.post("recommenders/news/rollback", b, headers=KEY) for b in bodies]
    assert answers[0].json() == answers[1].json()
    assert Deployment.objects.filter(kind="rollback").count() == 1


def test_another_users_key_is_another_key(as_operator, as_admin, news):
    as_operator.post(START, {"strategy": "full"}, headers=KEY)
    assert as_admin.post(START, {"strategy": "full"}, headers=KEY).status_code == 409


def test_a_refused_request_is_not_remembered(as_operator, news, make_run):
    run = make_run(news)
    assert as_operator.post(START, {"strategy": "full"}, headers=KEY).status_code == 409
    as_operator.post(f"updates/{run.pk}/cancel", {})
    assert as_operator.post(START, {"strategy": "full"}, headers=KEY).status_code == 202


def test_a_crash_leaves_neither_effect_nor_key(as_operator, news, monkeypatch):
    monkeypatch.setattr("updates.api.idempotency.JSONRenderer", None)
    assert as_operator.post(START, {"strategy": "full"}, headers=KEY).status_code == 500
    assert not UpdateRun.objects.exists()
    assert not IdempotentRequest.objects.exists()


def test_a_key_is_free_again_after_a_day(as_operator, deployed):
    def promote_third():
        path = "recommenders/news/versions/3/promote"
        return as_operator.post(path, {"reason": "x"}, headers=KEY).status_code

    assert promote_third() == 200
    with time_machine.travel(timezone.now() + timedelta(hours=23)):
        assert promote_third() == 200
    with time_machine.travel(timezone.now() + timedelta(hours=25)):
        assert promote_third() == 409  # done anew, and live already


@pytest.mark.parametrize("key", ["", "x" * 201])
def test_a_bad_key_is_named(key, as_operator, news):
    headers = {"Idempotency-Key": key}
    response = as_operator.post(START, {"strategy": "full"}, headers=headers)
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == "Idempotency-Key"


def test_every_post_that_acts_takes_a_key():
    keyed = {
        operation["operationId"]
        for path in description()["paths"].values()
        for operation in path.values()
        for parameter in operation.get("parameters", [])
        if parameter["name"] == "Idempotency-Key"
    }
    assert keyed == {
        "recommenders_updates_create",
        "recommenders_updates_claim_create",
        "recommenders_rollback_create",
        "recommenders_adopt_create",
        "recommenders_quarantines_create",
        "recommenders_quarantines_lift_create",
        "recommenders_quarantines_rebuild_create",
        "recommenders_online_thaw_create",
        "recommenders_users_erase_create",
        "recommenders_versions_promote_create",
        "recommenders_versions_proofs_create",
        "recommenders_versions_canary_create",
        "recommenders_versions_canary_end_create",
        "recommenders_sparsity_what_if_create",
        "recommenders_sparsity_what_if_cancel_create",
        "recommenders_policies_lift_hold_create",
        "recommenders_silences_create",
        "alerts_acknowledge_create",
        "updates_cancel_create",
    }
