"""POST recommenders/{slug}/client-tokens, and what a device's token opens."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from tests.updates.api.conftest import Caller
from updates.flows import client_token
from updates.flows.refresh_user import devices_of

ADDRESS = "recommenders/films/client-tokens"


def with_header(value):
    caller = Caller()
    caller.credentials(HTTP_AUTHORIZATION=value)
    return caller


def test_a_back_end_gets_a_token_with_which_its_user_s_device_gets_in(films, as_operator):
    answer = as_operator.post(ADDRESS, {"user": "u1", "ttl_seconds": 600})
    assert answer.status_code == 201
    given = answer.json()
    expires_at = datetime.fromisoformat(given["expires_at"])
    assert timedelta(seconds=590) < expires_at - datetime.now(UTC) <= timedelta(seconds=600)
    device = with_header(f"Client {given['token']}")
    assert device.get("recommenders/films/users/u1/embedding").status_code == 200


@pytest.mark.parametrize(
    ("who", "status"), [("nobody", 401), ("outsider", 403), ("viewer", 403), ("admin", 201)]
)
def test_who_may_mint(films, callers, who, status):
    assert callers[who].post(ADDRESS, {"user": "u1"}).status_code == status


@pytest.mark.parametrize(
    ("body", "field"),
    [({}, "user"), ({"user": "u1", "ttl_seconds": 59}, "ttl_seconds"), ({"user": ""}, "user")],
)
def test_a_bad_request_is_refused_by_field(films, as_operator, body, field):
    answer = as_operator.post(ADDRESS, body)
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_without_a_policy_for_devices_there_are_no_tokens(films, as_operator):
    films.policies.update(enabled=False)
    answer = as_operator.post(ADDRESS, {"user": "u1"})
    assert (answer.status_code, answer.json()["type"]) == (409, "/api/docs/#no-client-policy")


def test_a_token_expires(with_token):
    caller = with_token("u1", ttl_seconds=60)
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=61)):
        answer = caller.get("recommenders/films/users/u1/embedding")
    assert answer.status_code == 401
    assert "expired" in answer.json()["detail"]


def forged(films):
    token, _ = client_token.mint(films, "u1", 600)
    body, _, rest = token.partition(":")
    return {
        "changed": f"{body[:-1]}{'A' if body[-1] != 'A' else 'B'}:{rest}",
        "cut": token[:-3],
        "nonsense": "x",
        "empty": "",
        "not ours": "WzEsInUxIiw5OTk5OTk5OTk5OTk5XQ:1abcde:xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    }


@pytest.mark.parametrize("how", ["changed", "cut", "nonsense", "empty", "not ours"])
def test_a_forged_token_opens_nothing_and_is_counted(films, how):
    answer = with_header(f"Client {forged(films)[how]}").get(
        "recommenders/films/users/u1/embedding"
    )
    assert answer.status_code == 401
    assert "Client" in answer["WWW-Authenticate"]
    assert devices_of(films).counts() == {"refused:bad-token": 1}


OTHERS = [
    ("get", "recommenders/films/users/u2/embedding"),
    ("put", "recommenders/films/users/u2/embedding"),
    ("get", "recommenders/films/recommendations?user=u2"),
    ("get", "recommenders/other/users/u1/embedding"),
]


@pytest.mark.parametrize(("method", "address"), OTHERS)
def test_a_token_opens_nothing_of_another_user_or_recommender(
    films, make_recommender, with_token, method, address
):
    make_recommender("other", "factors")
    answer = with_token("u1").generic_json(method, address, {})
    assert (answer.status_code, answer.json()["type"]) == (403, "/api/docs/#other-user")


@pytest.mark.parametrize(
    "address", ["recommenders", "recommenders/films", "recommenders/films/policies", "updates"]
)
def test_a_token_of_a_device_opens_nothing_else(with_token, address):
    assert with_token("u1").get(address).status_code == 401


def test_a_device_may_ask_for_items_and_recommendations(with_token):
    caller = with_token("u1")
    assert caller.get("recommenders/films/items/vectors?item=i1").status_code == 200
    assert caller.get("recommenders/films/recommendations?user=u1").status_code == 200


def test_a_device_that_asks_too_often_is_told_when_to_come_again(films, with_token):
    caller = with_token("u1")
    with time_machine.travel(datetime(2026, 1, 1, 12, 0, 10, tzinfo=UTC), tick=False):
        caller = with_token("u1")
        statuses = [
            caller.get("recommenders/films/items/vectors?item=i1").status_code for _ in range(121)
        ]
        assert statuses[:120] == [200] * 120
        answer = caller.get("recommenders/films/items/vectors?item=i1")
        other = with_token("u2").get("recommenders/films/items/vectors?item=i1")
    assert statuses[120] == answer.status_code == 429
    assert answer["Retry-After"] == "50"
    assert other.status_code == 200
    assert devices_of(films).counts()["refused:too-many-requests"] == 2


def test_apps_of_origins_that_are_named_may_ask_from_browsers(settings, with_token, films):
    settings.CORS_ALLOWED_ORIGINS = ["https://shop.example"]
    caller = with_token("u1")
    address = "recommenders/films/users/u1/embedding"
    welcome = caller.get(address, HTTP_ORIGIN="https://shop.example")
    assert welcome["Access-Control-Allow-Origin"] == "https://shop.example"
    assert "Access-Control-Allow-Credentials" not in welcome
    stranger = caller.get(address, HTTP_ORIGIN="https://evil.example")
    assert "Access-Control-Allow-Origin" not in stranger
    elsewhere = caller.get("recommenders", HTTP_ORIGIN="https://shop.example")
    assert "Access-Control-Allow-Origin" not in elsewhere
