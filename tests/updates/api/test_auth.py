"""POST and DELETE auth/token."""

from datetime import timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from knox.models import AuthToken
from rest_framework.test import APIClient

from tests.updates.api.conftest import Caller


def log_in(username="viewer", password="password"):
    return Caller().post("auth/token", {"username": username, "password": password})


def with_token(token):
    caller = Caller()
    caller.credentials(HTTP_AUTHORIZATION=f"Token {token}")
    return caller


def test_name_and_password_give_a_token_that_works(viewer):
    answer = log_in().json()
    assert with_token(answer["token"]).get("recommenders").status_code == 200


def test_a_token_ends_after_its_term(viewer):
    answer = log_in().json()
    with time_machine.travel(timezone.now() + timedelta(days=91)):
        assert with_token(answer["token"]).get("recommenders").status_code == 401


def test_a_token_may_be_for_less_than_its_user_may(admin_user, news):
    answer = Caller().post(
        "auth/token", {"username": "admin", "password": "password", "role": "viewer"}
    )
    caller = with_token(answer.json()["token"])
    assert caller.get("recommenders/news").status_code == 200
    assert caller.patch("recommenders/news", {"name": "News!"}).status_code == 403


def test_a_token_is_never_for_more_than_its_user_may(viewer, news):
    answer = Caller().post(
        "auth/token", {"username": "viewer", "password": "password", "role": "admin"}
    )
    caller = with_token(answer.json()["token"])
    assert caller.patch("recommenders/news", {"name": "News!"}).status_code == 403


def test_who_changes_a_token_s_role_has_no_token_any_more(admin_user, news):
    answer = Caller().post(
        "auth/token", {"username": "admin", "password": "password", "role": "viewer"}
    )
    raised = answer.json()["token"].replace("viewer_", "admin_")
    assert with_token(raised).get("recommenders/news").status_code == 401


def test_a_token_may_be_for_a_shorter_time(viewer):
    asked = {"username": "viewer", "password": "password", "ttl_seconds": 60}
    answer = Caller().post("auth/token", asked).json()
    with time_machine.travel(timezone.now() + timedelta(seconds=61)):
        assert with_token(answer["token"]).get("recommenders").status_code == 401


@pytest.mark.parametrize(
    ("field", "value"), [("role", "king"), ("ttl_seconds", 0), ("ttl_seconds", 10**9)]
)
def test_a_role_or_time_that_there_is_not_is_named(field, value, viewer):
    asked = {"username": "viewer", "password": "password", field: value}
    response = Caller().post("auth/token", asked)
    assert response.status_code == 400
    assert response.json()["errors"][0]["field"] == field


def test_a_wrong_password_is_refused(viewer):
    response = log_in(password="wrong")
    assert response.status_code == 401
    assert "token" not in response.json()


def test_an_inactive_user_gets_no_token(viewer):
    viewer.is_active = False
    viewer.save(update_fields=["is_active"])
    assert log_in().status_code == 401


def test_a_missing_password_is_named(db):
    response = Caller().post("auth/token", {"username": "viewer"})
    assert response.status_code == 400
    assert response.json()["errors"] == [{"field": "password", "error": "This field is required."}]


def test_guessing_locks_out_even_the_right_password(viewer, settings):
    settings.AXES_FAILURE_LIMIT = 3
    answers = [log_in(password="wrong").status_code for _ in range(3)]
    assert answers[:2] == [401, 401]
    locked = log_in()
    assert locked.status_code == 429
    assert locked["Retry-After"] == "900"
    assert locked.json()["type"].endswith("locked-out")


def test_logging_out_ends_only_that_token(viewer):
    first, second = Caller(viewer), Caller(viewer)
    assert first.delete("auth/token").status_code == 204
    assert first.get("recommenders").status_code == 401
    assert second.get("recommenders").status_code == 200


def test_a_request_asks_for_tokens_once(viewer):
    caller = Caller(viewer)
    with CaptureQueriesContext(connection) as captured:
        assert caller.get("recommenders").status_code == 200
    assert sum("knox_authtoken" in query["sql"] for query in captured) == 1


def test_an_expired_token_is_deleted_when_it_comes(viewer):
    _, token = AuthToken.objects.create(user=viewer, expiry=timedelta(days=-1))
    assert with_token(token).get("recommenders").status_code == 401
    assert not AuthToken.objects.exists()


def test_logging_in_deletes_the_users_expired_tokens(viewer, operator):
    for user, days in ((viewer, -1), (viewer, 1), (operator, -1)):
        AuthToken.objects.create(user=user, expiry=timedelta(days=days))
    log_in()
    left = AuthToken.objects.order_by("expiry").values_list("user__username", flat=True)
    assert list(left) == ["operator", "viewer", "viewer"]


@pytest.mark.parametrize("header", ["Token", "Token nonsense", "Token a b"])
def test_a_malformed_token_is_refused(header, db):
    caller = Caller()
    caller.credentials(HTTP_AUTHORIZATION=header)
    assert caller.get("recommenders").status_code == 401


def test_a_session_is_accepted_and_needs_the_csrf_token_to_write(operator, deployed):
    client = APIClient(enforce_csrf_checks=True)
    client.force_login(operator)
    assert client.get("/api/v1/recommenders").status_code == 200
    wanted = {"to": 1, "reason": "worse"}
    refused = client.post("/api/v1/recommenders/news/rollback", wanted)
    assert (refused.status_code, refused["Content-Type"]) == (403, "application/problem+json")
    client.cookies["csrftoken"] = "a" * 32
    accepted = client.post(
        "/api/v1/recommenders/news/rollback", wanted, headers={"X-CSRFToken": "a" * 32}
    )
    assert accepted.status_code == 200
