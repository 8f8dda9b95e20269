"""A web process that is told to stop keeps nobody waiting."""

import signal
import threading
import time
from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.faults.recommender import Driven

pytestmark = pytest.mark.faults

WAIT_SECONDS = 25
ESTABLISHED = "01"


def connections(port):
    """How many there are to that port of this machine (proc(5), net/tcp)."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    fields = [line.split()[1:4] for line in lines]
    return sum(here.endswith(f":{port:04X}") and state == ESTABLISHED for here, _, state in fields)


def test_who_waits_for_an_event_is_answered_when_the_web_is_told_to_stop(stack, api):
    path = f"{Driven(api, 'waited-for').path}/deployments/events"
    answers, before, began = [], connections(stack.port), time.monotonic()

    def wait():
        asked = f"{path}?after=0&wait_seconds={WAIT_SECONDS}"
        answers.append(api.another().call("GET", asked))

    waiting = threading.Thread(target=wait)
    waiting.start()
    wait_until(lambda: connections(stack.port) > before)
    stack.kill("web", signal.SIGTERM)
    waiting.join()
    assert answers == [{"events": [], "ask_again_seconds": 0}]
    assert time.monotonic() - began < WAIT_SECONDS / 2
