"""Trainers in processes of their own: recadmin dies while they learn, or they die or hang."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import wait_until
from tests.faults import trainer
from tests.faults.recommender import STACK, Driven, is_in, mend
from tests.receiver import Receiver
from updates.models import UpdateRun
from updates.models.lease import LEASE_SECONDS

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("database")]

FIRST, SECOND = 1_000, 500
PROGRAM = [sys.executable, trainer.__file__]


class Ours(Driven):
    """An external recommender whose trainers work in ``folder``."""

    def __init__(self, api, slug, folder, **options):
        options = {"lease_seconds": 60} | options
        super().__init__(api, slug, learner="external", learner_options=options)
        self.folder = folder
        self.trainers = []

    def has_a_live_version(self, train):
        """Trained at once; then samples come, for the next."""
        self.append(FIRST)
        self.may_finish(True)
        train()
        wait_until(lambda: self.live() == 1, 30)
        self.may_finish(False)
        self.append(SECOND)

    def may_finish(self, may):
        finish = self.folder / trainer.FINISH
        finish.touch() if may else finish.unlink()
        for said in self.folder.glob(trainer.learns("*")):
            said.unlink()

    def train(self, *arguments, **environment):
        """A process that trains."""
        token = self.api.headers["Authorization"].removeprefix("Token ")
        told = {"RECADMIN_URL": self.api.url, "RECADMIN_TOKEN": token, "PATH": os.environ["PATH"]}
        command = [*PROGRAM, str(self.folder), *arguments]
        self.trainers.append(subprocess.Popen(command, env=told | environment))

    def pull(self):
        self.train(self.slug)

    def learns(self, attempt=1):
        """Wait until the trainer of that attempt is at work; returns its run."""
        wait_until((self.folder / trainer.learns(attempt)).exists, 60, f"no attempt {attempt}")
        return UpdateRun.objects.using(STACK).filter(recommender__slug=self.slug).latest("pk").pk

    def live(self):
        return self.api.call("GET", f"{self.path}/freshness")["live_version"]


@pytest.fixture
def make(api, tmp_path):
    """``make(slug, **options)``: one whose trainers end with the test."""
    made = []

    def make_one(slug, **options):
        made.append(Ours(api, slug, tmp_path, **options))
        return made[-1]

    yield make_one
    for process in (process for ours in made for process in ours.trainers):
        process.kill()
        process.wait()


@pytest.fixture
def receiver():
    server = Receiver(status=202)
    yield server
    server.close()


def restart(stack):
    """kill -9 of all that recadmin is, and all of it again."""
    for name in reversed(stack.names):
        stack.kill(name)
    mend(stack)


def is_promoted_after_all(ours, run, attempt):
    """What was live stayed so until the trainer finished, and then there is one version more."""
    assert not is_in(run, "promoted")
    assert ours.live() == 1
    ours.folder.joinpath(trainer.FINISH).touch()
    version = ours.promoted(run)
    assert ours.run(run)["attempt"] == attempt
    assert [deployment["version"] for deployment in ours.deployments()] == [1, 2]
    assert version["learned_ranges"][0]["first_offset"] == 1


def test_a_trainer_that_pulled_its_run_goes_on_over_a_restart(stack, make):
    ours = make("restarted-pull")
    ours.has_a_live_version(ours.pull)
    ours.pull()
    run = ours.learns()
    restart(stack)
    is_promoted_after_all(ours, run, attempt=1)
    assert ours.trainers[-1].wait(10) == 0


def test_a_trainer_that_was_called_goes_on_and_is_not_called_again(stack, make, receiver, tmp_path):
    ours = make("restarted-webhook", runner="webhook", url=receiver.url)

    def called():
        number = len(receiver.received) + 1
        ours.start("full" if number == 1 else "incremental")
        wait_until(lambda: len(receiver.received) == number, 30)
        told = tmp_path / f"run-{number}.json"
        told.write_bytes(receiver.received[-1][1])
        ours.train(RECADMIN_RUN=str(told))

    ours.has_a_live_version(called)
    called()
    run = ours.learns()
    restart(stack)
    is_promoted_after_all(ours, run, attempt=1)
    assert [json.loads(body)["attempt"] for _, body in receiver.received] == [1, 1]


def test_a_command_ends_with_its_worker_and_is_started_again(stack, make, tmp_path):
    ours = make("restarted-command", runner="command", command=[*PROGRAM, str(tmp_path)])
    ours.has_a_live_version(lambda: ours.start("full"))
    run = ours.start("incremental")
    ours.learns()
    restart(stack)
    assert not is_running(trainer.__file__, tmp_path)
    ours.learns(attempt=2)
    is_promoted_after_all(ours, run, attempt=2)


def is_running(*arguments):
    """Whether a process has these among its arguments."""
    wanted = "\0".join(map(str, arguments)).encode()
    return any(wanted in command.read_bytes() for command in Path("/proc").glob("[0-9]*/cmdline"))


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "hanging"])
def test_the_run_of_a_trainer_that_is_no_more_heard_is_another_s(stack, make, end):
    ours = make(f"gone-by-{end.name.lower()}", lease_seconds=5)
    ours.has_a_live_version(ours.pull)
    ours.pull()
    run = ours.learns()
    gone = ours.trainers[-1]
    gone.send_signal(end)
    wait_until(lambda: is_in(run, "queued"), LEASE_SECONDS + 10)
    ours.pull()
    ours.learns(attempt=2)
    gone.send_signal(signal.SIGCONT)
    is_promoted_after_all(ours, run, attempt=2)
    assert gone.wait(10) != 0
