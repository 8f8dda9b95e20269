"""An account may change only so much in a minute; reading and data are not counted."""

import pytest
import redis
import time_machine

from updates.api import throttle

NOON = "2026-03-01T12:00:00Z"
BODY = {"name": "News!"}


@pytest.fixture(autouse=True)
def _few(settings, valkey):
    settings.CHANGES_A_MINUTE = 2


def changes(caller, count):
    return [caller.patch("recommenders/news", BODY) for _ in range(count)]


def test_beyond_the_limit_it_says_when_to_come_again(as_admin, news):
    with time_machine.travel(NOON, tick=False):
        first, second, refused = changes(as_admin, 3)
    assert (first.status_code, second.status_code) == (200, 200)
    assert refused.status_code == 429
    assert refused.json()["type"].endswith("#too-much")
    assert refused["Retry-After"] == "60"


def test_in_the_next_minute_it_may_go_on(as_admin, news):
    with time_machine.travel(NOON, tick=False) as clock:
        changes(as_admin, 3)
        clock.shift(60)
        assert as_admin.patch("recommenders/news", BODY).status_code == 200


def test_accounts_are_counted_apart(as_admin, as_operator, news):
    with time_machine.travel(NOON, tick=False):
        changes(as_admin, 3)
        assert (
            as_operator.post("recommenders/news/updates", {"strategy": "full"}).status_code == 202
        )


def test_reading_and_sending_samples_are_not_counted(as_operator, news):
    row = {"label": 1, "event_time": NOON, "item": "i1"}
    for _ in range(4):
        assert as_operator.get("recommenders/news").status_code == 200
        assert as_operator.post("recommenders/news/samples", [row]).status_code == 202


def test_without_valkey_nobody_is_kept_from_operating(as_admin, news, monkeypatch):
    def away():
        raise redis.ConnectionError("away")

    monkeypatch.setattr(throttle, "impatient", away)
    assert {answer.status_code for answer in changes(as_admin, 4)} == {200}
