"""Samples sent over HTTP are soon in the scores of every web process, also of one restarted."""

import pytest

from tests.conftest import wait_until
from tests.faults.recommender import Driven

WITHIN = 15  # seconds, of a machine that runs everything else at the same time
WORKERS = 2  # of gunicorn, in the Procfile
POLICY = {
    "name": "always",
    "strategy": "online",
    "sync_interval_ms": 20,
    "checkpoint_seconds": 1,
    "version_every_minutes": 60,
}

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("database")]


@pytest.fixture
def driven(api):
    """A recommender with a live version, that learns online."""
    driven = Driven(api, "online-served")
    driven.append(500)
    driven.update("full")
    api.call("POST", f"{driven.path}/policies", POLICY)
    yield driven
    api.call("PATCH", f"{driven.path}/policies/always", {"enabled": False})


def test_what_is_sent_is_served_by_every_process_also_after_kill_9_of_the_web(stack, driven):
    driven.append(300)
    first = scores_of_all(driven)
    driven.append(300)
    second = scores_of_restarted(stack, driven)
    assert second != first
    assert scores_of_restarted(stack, driven) == second


def scores_of_restarted(stack, driven):
    """What new web processes answer that have caught up."""
    former = reports(driven)
    stack.kill("web")
    stack.start("web")
    return scores_of_all(driven, former)


def scores_of_all(driven, former=()):
    """The scores, once each web process that is not a former one has learned the last sample."""

    def all_have_learned():
        driven.score()  # a process serves what it was once asked for
        wanted = {"offset": driven.samples, "sync": "synced"}
        present = [report for name, report in reports(driven).items() if name not in former]
        return sum(wanted.items() <= report.items() for report in present) == WORKERS

    wait_until(all_have_learned, WITHIN, "not every process has learned what was sent")
    answer = driven.score()
    assert answer["offset"] == driven.samples
    assert answer["age_seconds"] > 0
    return answer["scores"]


def reports(driven):
    """What each web process says that it serves, by its name."""
    serving = driven.api.call("GET", f"{driven.path}/freshness")["serving"]
    return {report["process"]: report for report in serving}
