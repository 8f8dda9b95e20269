"""kill -9 of the worker of a session whose publishing is frozen: the next one stays frozen."""

import pytest

from tests.conftest import wait_until
from tests.faults.recommender import Driven, mend
from tests.faults.test_online_killed import pass_the_time, sessions

POLICY = {
    "name": "always",
    "strategy": "online",
    "sync_interval_ms": 50,
    "checkpoint_seconds": 1,
    "version_every_minutes": 60,
    # A good model breaks it: frozen soon, and for as long as it is asked.
    "guardrails": {"min_calibration": 0.1, "max_calibration": 0.5},
}

pytestmark = [
    pytest.mark.faults,
    pytest.mark.usefixtures("database"),
    pytest.mark.timeout(180),
]


def test_a_killed_session_is_followed_by_one_that_is_frozen_too_and_is_thawed(stack, api):
    slug = "frozen-killed"
    driven = Driven(api, slug)
    driven.append(2_000)
    driven.update()
    driven.score()
    api.call("POST", f"{driven.path}/policies", POLICY)
    wait_until(lambda: _feed(driven) and _lasting(api, driven), 60, "it was not frozen")
    killed = sessions(slug).get(state="running").worker

    stack.kill("online")
    pass_the_time(slug)
    mend(stack)
    driven.append(300)
    wait_until(lambda: _goes_on(slug, killed, driven.samples), 60, "no session goes on")
    assert _lasting(api, driven)
    assert driven.score()["offset"] == 2_000

    api.call("POST", f"{driven.path}/online/thaw", {"reason": "The samples were right."})
    wait_until(lambda: driven.score()["offset"] == driven.samples, 30)
    [freeze] = api.call("GET", f"{driven.path}/online/freezes")["results"]
    assert (freeze["ended"], freeze["ended_by"]) == ("overruled", "admin")


def _feed(driven):
    driven.append(150)
    return True


def _lasting(api, driven):
    found = api.call("GET", f"{driven.path}/online/freezes")["results"]
    return [freeze for freeze in found if not freeze["ended"]]


def _goes_on(slug, killed, offset):
    """Whether another worker's session has learned so far, frozen."""
    pass_the_time(slug, leases=False)
    others = sessions(slug).exclude(worker=killed)
    return others.filter(progress_phase="publishing frozen", progress_done__gte=offset).exists()
