"""Workers and beat as others see them: killed, frozen, told to stop, cut off from Valkey."""

import json
import signal

import pytest
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from recadmin.heartbeats import MAY_BE_SILENT
from tests.api_client import ApiClient
from tests.conftest import wait_until

pytestmark = pytest.mark.faults

SEEN_WITHIN = MAY_BE_SILENT.total_seconds() + 10
LISTED = """
import json
import django; django.setup()
from django.utils import timezone
from recadmin.valkey_status import valkey_status
now = timezone.now()
facts = [(p.name, p.pid, p.state(now), p.at.isoformat()) for p in valkey_status(now).processes]
print(json.dumps(facts))
"""


def listed(stack, name):
    """State and last heartbeat of the processes of that name, dead or alive, by process id."""
    found = json.loads(stack.python("-c", LISTED))
    return {
        pid: (state, parse_datetime(at))
        for node, pid, state, at in found
        if node.startswith(f"{name}@")
    }


def check(stack, name):
    """What /readyz says of it; whatever that is, the web goes on getting traffic."""
    with ApiClient(stack.url) as client:
        answer = client.request("GET", "/readyz")
    assert answer.status == 200, answer.body
    return json.loads(answer.body)["checks"][name]["status"]


def comes_to_be(stack, name, status):
    wait_until(lambda: check(stack, name) == status, SEEN_WITHIN, f"{name} is not {status}")


def test_killed_workers_and_beats_are_gone_and_their_successors_live(stack):
    comes_to_be(stack, "worker-runs", "ok")
    comes_to_be(stack, "beat", "ok")
    worker = stack.processes["runs"].pid
    stack.kill("runs")
    stack.kill("beat")
    comes_to_be(stack, "worker-runs", "failed")
    comes_to_be(stack, "beat", "failed")
    assert check(stack, "worker-online") == "ok"
    assert listed(stack, "runs")[worker][0] == "gone"

    stack.start("runs")
    stack.start("beat")
    comes_to_be(stack, "worker-runs", "ok")
    comes_to_be(stack, "beat", "ok")
    found = listed(stack, "runs")
    assert found[worker][0] == "gone"
    assert found[stack.processes["runs"].pid][0] == "alive"


def test_a_frozen_worker_is_missed_until_it_goes_on(stack):
    comes_to_be(stack, "worker-online", "ok")
    stack.kill("online", signal.SIGSTOP)
    try:
        comes_to_be(stack, "worker-online", "failed")
    finally:
        stack.kill("online", signal.SIGCONT)
    comes_to_be(stack, "worker-online", "ok")


def test_a_worker_that_was_told_to_stop_is_not_missed(stack):
    worker = stack.processes["control"].pid
    wait_until(lambda: worker in listed(stack, "control"), SEEN_WITHIN)
    stack.kill("control", signal.SIGTERM)
    assert worker not in listed(stack, "control")


def test_heartbeats_go_on_after_valkey_was_away(stack):
    stack.kill("valkey")
    with ApiClient(stack.url) as client:
        assert client.request("GET", "/readyz").status == 503
    stack.start("valkey")
    back = timezone.now()
    for name in ("control", "runs", "online", "beat"):
        leader = stack.processes[name].pid
        wait_until(
            lambda name=name, leader=leader: listed(stack, name)[leader][1] > back,
            SEEN_WITHIN,
            f"{name} beats no more",
        )
