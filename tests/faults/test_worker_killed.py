"""kill -9 of the worker in the middle of a run: another finishes it, with the very same bytes."""

import os
import signal
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.db import transaction

from tests.conftest import wait_until
from tests.faults.recommender import STACK, Driven, is_in, mend, waiting_at
from updates.models import UpdateRun
from updates.models.lease import LEASE_SECONDS

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("database")]

FIRST, SECOND = 3_000, 17_000


def killed_in(point):
    def kill(stack, run):
        with waiting_at(stack, point):
            stack.kill("runs")

    return kill


def killed_while_trees_grow(stack, run):
    growing = {"pk": run, "progress_phase": "growing trees", "progress_done__gt": 0}
    wait_until(lambda: UpdateRun.objects.using(STACK).filter(**growing).exists(), 30)
    stack.kill("runs")


def killed_between_files_and_database(stack, run):
    """The worker, which can write files but not to the database, publishes half a version."""
    before = set(stack.data.glob("artifacts/*/*"))
    with ExitStack() as locked:
        with waiting_at(stack, "save"):
            locked.enter_context(transaction.atomic(using=STACK))
        wait_until(lambda: set(stack.data.glob("artifacts/*/*")) - before)
        stack.kill("runs")


def killed_child_alone(stack, run):
    with waiting_at(stack, "learn"):
        worker = UpdateRun.objects.using(STACK).get(pk=run).worker
        os.kill(int(worker.partition(":")[2]), signal.SIGKILL)


WAITING = {"learner": "waiting"}
TREES = {"learner": "gbdt", "learner_options": {"num_trees": 3000, "num_threads": 1}}


CASES = {
    "training": (killed_in("fit"), "full", WAITING),
    "growing-trees": (killed_while_trees_grow, "full", TREES),
    "learning-more": (killed_in("learn"), "incremental", WAITING),
    "evaluating": (killed_in("evaluate"), "full", WAITING),
    "catching-up": (killed_in("learn"), "full", WAITING),
    "saving": (killed_in("save"), "full", WAITING),
    "publishing": (killed_between_files_and_database, "full", WAITING),
    "publishing-more": (killed_between_files_and_database, "incremental", WAITING),
    "child-alone": (killed_child_alone, "incremental", WAITING),
}


LEAVES = {
    "learner": "waiting_gbdt_lr",
    "learner_options": {"num_trees": 20, "num_threads": 1},
}
DEEP = {"learner": "waiting_wide_deep", "learner_options": {"hidden": "8,4"}}
LOCAL_CASES = {
    "new-trees": (killed_in("fit"), ["trees"], LEAVES),
    "publishing-trees": (killed_between_files_and_database, ["trees"], LEAVES),
    "learning-leaves": (killed_in("learn"), ["lr"], LEAVES),
    "learning-wide": (killed_in("learn"), ["wide"], DEEP),
    "learning-embeddings": (killed_in("learn"), ["embeddings"], DEEP),
    "learning-upper": (killed_in("learn"), ["upper"], DEEP),
    "evaluating-upper": (killed_in("evaluate"), ["upper"], DEEP),
    "publishing-both": (killed_between_files_and_database, ["embeddings", "upper"], DEEP),
}


@pytest.mark.parametrize("case", CASES)
def test_a_killed_run_is_finished_by_another_worker_as_if_nothing_had_been(stack, api, case):
    kill, strategy, about = CASES[case]
    finished_by_another_worker(stack, api, case, kill, about, strategy)


@pytest.mark.parametrize("case", LOCAL_CASES)
def test_a_killed_local_update_is_finished_by_another_worker_too(stack, api, case):
    kill, components, about = LOCAL_CASES[case]
    finished_by_another_worker(stack, api, case, kill, about, "local", components=components)


def finished_by_another_worker(stack, api, case, kill, about, strategy, **fields):
    killed = with_a_live_version(api, case, about)
    run = killed.start(strategy, **fields)
    kill(stack, run)
    mend(stack)
    assert not is_in(run, "promoted")
    assert killed.score()["version"] == 1

    undisturbed = with_a_live_version(api, f"{case}-undisturbed", about).update(strategy, **fields)
    version = killed.promoted(run, seconds=LEASE_SECONDS + 15)

    assert version["digest"] == undisturbed["digest"]
    everything = [{"first_offset": 1, "last_offset": FIRST + SECOND}]
    assert version["learned_ranges"] == everything
    assert [deployment["version"] for deployment in killed.deployments()] == [1, 2]
    tells_the_story(killed.run(run))


def with_a_live_version(api, slug, about):
    recommender = Driven(api, slug, **about)
    recommender.append(FIRST)
    recommender.update()
    recommender.append(SECOND)
    return recommender


def tells_the_story(run):
    assert run["attempt"] == 2
    moves = [move["to_state"] for move in run["transitions"]]
    again = moves.index("queued")
    assert moves[:again] in (["running"], ["running", "evaluating"])
    assert moves[again:] == ["queued", "running", "evaluating", "promoted"]
    assert "stopped answering in phase" in run["transitions"][again]["why"]


def test_killing_the_parent_alone_leaves_neither_orphans_nor_two_results(stack, api):
    killed = with_a_live_version(api, "parent-alone", WAITING)
    run = killed.start()
    orphans = stack.children("runs")
    with waiting_at(stack, "fit"):
        stack.processes["runs"].kill()
        stack.processes["runs"].wait()
    wait_until(lambda: not any(map(is_alive, orphans)))
    mend(stack)
    killed.promoted(run, seconds=LEASE_SECONDS + 15)
    assert [deployment["version"] for deployment in killed.deployments()] == [1, 2]


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
