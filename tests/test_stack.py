"""The stack that fault and browser tests stand on."""

import signal

import pytest

from tests.stack import Stack, StackError, arguments

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("benchmarks")]


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    with Stack(tmp_path_factory.mktemp("stack"), names=("valkey", "web")) as stack:
        yield stack


def test_the_superuser_can_use_the_api(stack):
    assert stack.admin().call("GET", "recommenders")["results"] == []


def test_a_killed_process_stays_dead_with_its_children_until_it_is_started(stack):
    assert len(stack.children("web")) == 2
    stack.kill("web")
    assert stack.processes["web"].returncode == -signal.SIGKILL
    assert stack.children("web") == []
    with pytest.raises(OSError):
        stack.admin()
    stack.start("web")
    assert stack.admin()


def test_a_running_process_is_not_started_twice(stack):
    with pytest.raises(StackError, match="web is already running"):
        stack.start("web")


def test_a_process_that_does_not_come_up_says_why(tmp_path):
    broken = {"DATABASE_URL": "nonsense"}
    with pytest.raises(StackError, match="UnknownSchemeError"), Stack(tmp_path, environment=broken):
        pass


def test_nothing_is_left_when_one_does_not_stop(tmp_path, monkeypatch):
    monkeypatch.setattr("tests.stack.STOP_SECONDS", 0.0)
    stack = Stack(tmp_path, names=("valkey",))
    with pytest.raises(StackError, match="did not stop:\nvalkey"), stack:
        pass
    assert stack.processes["valkey"].poll() is not None


def test_processes_are_those_of_the_procfile():
    assert arguments("valkey", 1) == ["manage.py", "valkey"]
    assert "127.0.0.1:8123" in arguments("web", 8123)
    with pytest.raises(StackError, match="no process 'nothing'"):
        arguments("nothing", 1)
