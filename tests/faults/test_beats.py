"""Two beats at once, none for a while: every fire of the schedule is run or counted, once."""

import signal
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
import redis
from django.utils import timezone

from recadmin.environment import embedded_socket
from tests.conftest import wait_until
from tests.faults.recommender import STACK, Driven
from tests.stack import Stack
from updates.models import UpdatePolicy

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("database")]

EVERY = timedelta(seconds=1)


@pytest.fixture
def policy(api, request):
    """Fires a full update every second, until the test is over."""
    recommender = Driven(api, request.node.name.replace("_", "-")[:60])
    recommender.append(300)
    about = {"strategy": "full", "trigger": "interval", "cadence": {"interval_seconds": 1}}
    api.call("POST", f"{recommender.path}/policies", about | {"name": "each-second"})
    yield UpdatePolicy.objects.using(STACK).get(recommender__slug=recommender.slug)
    api.call("DELETE", f"{recommender.path}/policies/each-second")


def wait_for_runs(policy, count):
    """That many more of the policy's runs."""
    goal = policy.runs.count() + count
    wait_until(lambda: policy.runs.count() >= goal, 60, f"no {count} more runs")


def answered(api, policy):
    """Pause the policy; when each of its runs was due, and how many more fires it answered."""
    path = f"recommenders/{policy.recommender.slug}/policies/{policy.name}"
    api.call("PATCH", path, {"enabled": False})
    return list(policy.runs.order_by("pk").values_list("due_at", "coalesced_fires"))


def each_fire_is_answered_once(policy, found):
    first = policy.next_due_at
    dues = [due for due, _ in found]
    assert dues == sorted(set(dues))
    assert not any((due - first) % EVERY for due in dues)
    policy.refresh_from_db()
    fell_due = (policy.next_due_at - first) // EVERY
    assert sum(1 + coalesced for _, coalesced in found) == fell_due
    return True


def is_connected(stack, name):
    """Whether the process has a socket: a beat opens it for its first tick."""
    for file in Path(f"/proc/{stack.processes[name].pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed meanwhile
            if "socket:" in str(file.readlink()):
                return True
    return False


@pytest.fixture
def three_beats(stack):
    """Ticking at the same instants: held until each owes a tick, then let go together."""
    names = ("beat", "beat-2", "beat-3")
    for name in names[1:]:
        stack.start(name)
    for name in names:
        wait_until(lambda name=name: is_connected(stack, name), 20, f"{name} sends no ticks")
        stack.kill(name, signal.SIGSTOP)
    owed = timezone.now() + 1.5 * EVERY
    wait_until(lambda: timezone.now() > owed)
    for name in names:
        stack.kill(name, signal.SIGCONT)


def test_with_beats_ticking_at_once_each_fire_has_one_run(three_beats, api, policy):
    wait_for_runs(policy, 6)
    assert each_fire_is_answered_once(policy, answered(api, policy))


def test_fires_due_while_no_beat_lives_are_answered_by_one_run(stack, api, policy):
    wait_for_runs(policy, 2)
    stack.kill("beat")
    silent_until = timezone.now() + 4 * EVERY
    wait_until(lambda: timezone.now() > silent_until)
    stack.start("beat")
    wait_for_runs(policy, 3)
    found = answered(api, policy)
    assert max(coalesced for _, coalesced in found) >= 3
    assert each_fire_is_answered_once(policy, found)


def test_a_beat_killed_again_and_again_loses_no_fire(stack, api, policy):
    for _ in range(3):
        wait_for_runs(policy, 1)
        stack.kill("beat")
        stack.start("beat")
    assert each_fire_is_answered_once(policy, answered(api, policy))


def test_a_beat_told_to_stop_in_the_middle_of_a_send_stops(tmp_path):
    def waiting():
        return any("b" in client["flags"] for client in valkey.client_list())

    with (
        Stack(tmp_path, names=("valkey", "beat")) as stack,
        redis.Redis(unix_socket_path=str(embedded_socket(stack.data))) as valkey,
    ):
        valkey.client_pause(60_000, all=False)  # no write is answered
        wait_until(waiting, 20, "beat sends no tick")
        stack.kill("beat", signal.SIGTERM)
        valkey.client_unpause()
