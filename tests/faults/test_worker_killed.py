"""kill -9 of the worker in the middle of a run: another finishes it, with the very same bytes."""

import os
import signal

import pytest

from tests.conftest import wait_until
from tests.faults.recommender import STACK, Driven, held_in, is_in, mend
from updates.models import UpdateRun
from updates.models.lease import LEASE_SECONDS

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("database")]

FIRST, SECOND = 3_000, 17_000


def killed_in_training(stack, run):
    with held_in(run, "running"):
        stack.kill("runs")


def killed_while_trees_grow(stack, run):
    growing = {"pk": run, "progress_phase": "growing trees", "progress_done__gt": 0}
    wait_until(lambda: UpdateRun.objects.using(STACK).filter(**growing).exists(), 30)
    stack.kill("runs")


def killed_child_alone(stack, run):
    with held_in(run, "running"):
        worker = UpdateRun.objects.using(STACK).get(pk=run).worker
        os.kill(int(worker.partition(":")[2]), signal.SIGKILL)


@pytest.mark.parametrize(
    ("kill", "strategy", "about"),
    [
        (killed_in_training, "full", {}),
        (killed_child_alone, "full", {}),
        (
            killed_while_trees_grow,
            "full",
            {"learner": "gbdt", "learner_options": {"num_trees": 3000, "num_threads": 1}},
        ),
    ],
)
def test_a_killed_run_is_finished_by_another_worker_as_if_nothing_had_been(
    stack, api, kill, strategy, about
):
    slug = f"{kill.__name__}-{strategy}".replace("_", "-")
    killed = with_a_live_version(api, slug, about)
    run = killed.start(strategy)
    kill(stack, run)
    mend(stack)
    assert not is_in(run, "promoted")
    assert killed.score()["version"] == 1

    undisturbed = with_a_live_version(api, f"{slug}-undisturbed", about).update(strategy)
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
