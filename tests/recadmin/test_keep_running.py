"""The keeper of a process: told to stop, it stops, whatever it is doing."""

import os
import signal

import pytest

from recadmin import keep_running


class Started:
    """A process that is being started when its keeper is told to stop."""

    def __init__(self, command):
        self.told = False
        os.kill(os.getpid(), signal.SIGTERM)

    def terminate(self):
        self.told = True

    def wait(self):
        assert self.told, "would wait for ever"
        return -signal.SIGTERM


@pytest.fixture
def handlers():
    """Those of the tests' process, put back."""
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.usefixtures("handlers")
def test_what_is_being_started_when_the_keeper_is_told_to_stop_is_told_too(monkeypatch):
    monkeypatch.setattr(keep_running.subprocess, "Popen", Started)
    keep_running.keep_running(["-c", "pass"])
