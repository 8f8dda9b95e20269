"""POST recommenders/{slug}/updates."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections

from tests.updates.api.conftest import Caller
from updates.models import UpdateRun

START = "recommenders/news/updates"


@pytest.fixture
def hourly(news, make_policy):
    return make_policy(news)


def fields_at_fault(response):
    assert response.status_code == 400, response.content
    return {error["field"] for error in response.json()["errors"]}


def test_an_update_by_a_policy_is_queued_and_found(as_operator, hourly, operator):
    response = as_operator.post(START, {"policy": "hourly", "reason": "new titles"})
    assert response.status_code == 202
    run = as_operator.get(response["Location"]).json()
    assert (run["state"], run["policy"], run["strategy"]) == ("queued", "hourly", "incremental")
    assert (run["requested_by"], run["reason"]) == ("operator", "new titles")


def test_an_update_by_a_strategy_names_its_own_window(as_operator, news):
    run = as_operator.post(START, {"strategy": "full", "window_seconds": 3600}).json()
    assert (run["policy"], run["window_seconds"]) == (None, 3600)
    assert run["components"] == ["weights"]


def test_a_second_writer_is_refused_with_the_address_of_the_first(as_operator, news):
    first = as_operator.post(START, {"strategy": "full"})
    second = as_operator.post(START, {"strategy": "incremental"})
    assert second.status_code == 409
    assert second.json()["run"] == first["Location"]
    assert UpdateRun.objects.count() == 1


def test_of_many_at_once_one_is_started(operator, transactional_db, news, valkey):
    def start(caller):
        try:
            return caller.post(START, {"strategy": "full"}).status_code
        finally:
            connections.close_all()

    callers = [Caller(operator) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(start, callers)) == [202, 409, 409, 409]


@pytest.mark.parametrize(
    ("wanted", "fault"),
    [
        ({}, "strategy"),
        ({"policy": "hourly", "strategy": "full"}, "strategy"),
        ({"policy": "absent"}, "policy"),
        ({"policy": "hourly", "window_seconds": 60}, "window_seconds"),
        ({"policy": "hourly", "components": ["weights"]}, "components"),
        ({"strategy": "magic"}, "strategy"),
        ({"strategy": "full", "components": ["wings"]}, "components"),
        ({"strategy": "full", "window_seconds": 0}, "window_seconds"),
        ({"strategy": "full", "widnow_seconds": 60}, "widnow_seconds"),
    ],
)
def test_a_bad_request_names_its_field(wanted, fault, as_operator, hourly):
    assert fields_at_fault(as_operator.post(START, wanted)) == {fault}
    assert not UpdateRun.objects.exists()


def test_another_recommenders_policy_is_unknown(as_operator, hourly, make_recommender):
    make_recommender("music")
    response = as_operator.post("recommenders/music/updates", {"policy": "hourly"})
    assert fields_at_fault(response) == {"policy"}
