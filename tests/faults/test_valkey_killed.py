"""kill -9 of Valkey: no run is forgotten, and clients are told."""

import pytest

from tests.conftest import wait_until
from tests.faults.recommender import Driven, waiting_at

PROCESSES = 2  # of the update worker

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("database")]


def test_a_client_is_told_to_come_again_while_valkey_is_down(stack, api):
    recommender = Driven(api, "valkey-down")
    stack.kill("valkey")
    with pytest.raises(AssertionError, match='"status":503,"detail":"Nothing was stored'):
        recommender.append(10)
    stack.start("valkey")
    recommender.append(10)
    assert recommender.update()["next_offset"] == 11


def test_a_run_whose_message_the_broker_never_got_is_executed_when_it_is_back(stack, api):
    recommender = Driven(api, "no-message")
    recommender.append(2_000)
    stack.kill("valkey")
    run = recommender.start()
    assert recommender.run(run)["state"] == "queued"
    stack.start("valkey")
    assert recommender.promoted(run)["number"] == 1


def test_a_run_whose_message_the_broker_lost_is_executed(stack, api):
    recommender = Driven(api, "lost-message")
    recommender.append(2_000)
    stack.kill("runs")
    run = recommender.start()
    stack.python("-c", LOSE_MESSAGES)
    stack.kill("valkey")
    stack.start("valkey")
    stack.start("runs")
    assert recommender.promoted(run)["number"] == 1


def test_a_worker_with_a_message_that_waits_for_a_process_goes_on_after_valkey(stack, api):
    first, *others = (Driven(api, f"waits-{i}", learner="waiting") for i in range(PROCESSES + 1))
    for recommender in (first, *others):
        recommender.append(2_000)
    runs = [first.start()]
    with waiting_at(stack, "fit"):
        runs += [recommender.start() for recommender in others]
        wait_until(lambda: stack.python("-c", UNACKNOWLEDGED).strip() != "0", 30)
        stack.kill("valkey")
        stack.start("valkey")
    for recommender, run in zip((first, *others), runs, strict=True):
        recommender.promoted(run)
        assert recommender.run(run)["attempt"] == 1


LOSE_MESSAGES = """
import django
django.setup()
from recadmin.valkey import connection
assert connection().delete("runs") == 1
"""

UNACKNOWLEDGED = """
import django
django.setup()
from recadmin.valkey import connection
print(sum(b"execute_run" in message for message in connection().hvals("unacked")))
"""
