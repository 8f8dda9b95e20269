"""Real processes, one set of them for all tests, and their database seen from outside."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connections

from tests.api_client import ApiClient
from tests.faults import waiting
from tests.faults.recommender import STACK, mend
from tests.stack import Stack

# Archiving then happens in the middle of the tests, as it does in use.
SMALL_SEGMENTS = {"SEGMENT_ROWS": "2000"}
# Workers may start trainers of the tests, and call them on this machine.
TRAINERS = {"EXTERNAL_COMMANDS": sys.executable, "RECADMIN_OUTBOUND_ALLOW": "127.0.0.0/8"}


@pytest.fixture(scope="session")
def _stack(tmp_path_factory) -> Iterator[Stack]:
    waits = waiting.install(tmp_path_factory.mktemp("learner"))
    environment = SMALL_SEGMENTS | TRAINERS | waits
    with Stack(tmp_path_factory.mktemp("stack"), environment=environment) as stack:
        yield stack


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """One worker has them all, so that there is one set of processes."""
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(pytest.mark.xdist_group("faults"))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure comes with what the processes said last."""
    report = yield
    stack = item.funcargs.get("stack")
    if report.failed and stack is not None:
        report.sections.append(("Last words of the processes", stack.last_words()))
    return report


@pytest.fixture
def stack(_stack) -> Iterator[Stack]:
    """All processes of the product; after a test they are again what they were before it."""
    yield _stack
    for name, process in _stack.processes.items():
        if name not in _stack.names and process.poll() is None:
            _stack.kill(name)
    mend(_stack)


@pytest.fixture(scope="session")
def api(_stack) -> ApiClient:
    """A client of the stack's API who may do everything."""
    return _stack.admin()


@pytest.fixture
def database(stack, django_db_blocker) -> Iterator[None]:
    """The models' ``using(STACK)`` is the database that the stack's processes work on."""
    settings = {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(stack.data / "recadmin.sqlite3"),
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "timeout": 20},
    }
    configured = connections.configure_settings({"default": settings})
    connections.databases[STACK] = configured["default"]
    with django_db_blocker.unblock():
        yield
        connections[STACK].close()
    del connections[STACK], connections.databases[STACK]
