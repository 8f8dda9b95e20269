"""kill -9 at random instants of all that an online session needs: learned once, to the bit.

``ONLINE_FAULT_SECONDS`` has it go on for longer, ``ONLINE_FAULT_SEED`` takes another course.
"""

import json
import os
import random
import signal
import time
from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from tests.conftest import wait_until
from tests.faults.clients import appending, nothing_is_lost_or_doubled
from tests.faults.recommender import STACK, Driven, mend, waiting_at
from updates.models import Checkpoint, ComponentLease, Recommender, UpdatePolicy, UpdateRun
from updates.scheduling import REST_AFTER_FAILURE

SECONDS = float(os.environ.get("ONLINE_FAULT_SECONDS", "20"))
SEED = int(os.environ.get("ONLINE_FAULT_SEED", "1"))
# Processes start, and Celery finds its broker again: with a busy machine that takes a while.
RECOVERED_SECONDS = 60
POLICY = {
    "name": "always",
    "strategy": "online",
    "sync_interval_ms": 20,
    "checkpoint_seconds": 1,
    "version_every_minutes": 0.05,
}
# Those that are killed together; the worker more often than others.
VICTIMS = (
    ("online",),
    ("online",),
    ("online", "valkey"),
    ("online", "web", "beat"),
    ("valkey",),
    ("web",),
    ("beat", "control"),
    ("valkey", "web", "online", "control", "beat"),
)

pytestmark = [
    pytest.mark.faults,
    pytest.mark.usefixtures("database"),
    pytest.mark.timeout(180 + 2 * SECONDS),
]


def test_whatever_is_killed_what_was_accepted_is_learned_once_to_the_bit(stack, api):
    slug = "online-killed"
    driven = Driven(api, slug)
    api.call("POST", f"{driven.path}/policies", POLICY)
    course = random.Random(SEED)
    with appending(api, slug) as appends:
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            if course.random() < 0.6:
                wait_for(lambda: is_learning(slug), slug, "no session learns")
            appends.wait_for_more(course.randrange(1, 40))
            for name in course.choice(VICTIMS):
                stack.kill(name)
            pass_the_time(slug, leases=stack.processes["online"].poll() is not None)
            mend(stack)
    everything_is_learned_once(stack, slug, appends)


@pytest.mark.parametrize("point", ["learn", "save", "evaluate"])
def test_killed_while_it_learns_saves_or_is_judged_nothing_is_lost(stack, api, point):
    slug = f"online-killed-in-{point}"
    driven = Driven(api, slug, learner="waiting")
    api.call("POST", f"{driven.path}/policies", POLICY)
    with appending(api, slug, clients=1) as appends:
        with waiting_at(stack, point):
            appends.wait_for_more(20)
            stack.kill("online")
        pass_the_time(slug)
        mend(stack)
        appends.wait_for_more(20)
    everything_is_learned_once(stack, slug, appends)


def test_a_worker_that_was_only_frozen_finds_its_place_taken_and_publishes_nothing(stack, api):
    slug = "online-frozen"
    driven = Driven(api, slug)
    api.call("POST", f"{driven.path}/policies", POLICY | {"version_every_minutes": 60})
    with appending(api, slug) as appends:
        wait_for(lambda: is_learning(slug), slug, "no session learns")
        frozen = sessions(slug).get(state="running").worker
        with transaction.atomic(using=STACK):
            # So that it is not within a transaction, whose lock a frozen worker would hold.
            stack.kill("online", signal.SIGSTOP)
        try:
            stack.start("online-2")
            pass_the_time(slug)
            others = sessions(slug).exclude(worker=frozen)
            taken_over = {"state": "running", "progress_phase": "learning"}
            wait_until(lambda: others.filter(**taken_over).exists(), 30)
        finally:
            stack.kill("online", signal.SIGCONT)
        appends.wait_for_more(50)
    everything_is_learned_once(stack, slug, appends)
    assert sessions(slug).get().worker != frozen


def everything_is_learned_once(stack, slug, appends):
    """What was accepted is in the log; each artifact that sessions left, the last one of all of it,
    has the bytes of one undisturbed run over that log."""
    accepted = sum(answer["accepted"] for answer in appends.answers.values())
    wait_for(lambda: is_learned(slug, accepted), slug, f"not all of {accepted} was learned")
    policies = UpdatePolicy.objects.using(STACK).filter(recommender__slug=slug)
    policies.update(enabled=False)
    nothing_is_lost_or_doubled(stack, slug, appends)
    found = json.loads(stack.python("-m", "tests.faults.undisturbed", slug))
    assert found["compared"][-1] == accepted + 1
    assert not found["different"]


def sessions(slug):
    return UpdateRun.objects.using(STACK).filter(recommender__slug=slug, strategy="online")


def wait_for(condition, slug, otherwise):
    """Until it is true; fails with the newest sessions as they are then."""
    try:
        wait_until(condition, RECOVERED_SECONDS)
    except pytest.fail.Exception:
        about = ("pk", "state", "attempt", "deaths", "progress_phase", "progress_done", "error")
        pytest.fail(f"{otherwise}: {list(sessions(slug).values(*about)[:3])}")


def is_learning(slug):
    pass_the_time(slug, leases=False)
    return sessions(slug).filter(state="running", progress_phase="learning").exists()


def pass_the_time(slug, leases=True):
    """As if the seconds had gone by that a dead worker's lease and a failure's rest last."""
    if leases:
        held = ComponentLease.objects.using(STACK).filter(recommender__slug=slug)
        held.filter(run__isnull=False).update(expires_at=timezone.now() - timedelta(seconds=1))
    sessions(slug).filter(state="failed").update(finished_at=F("finished_at") - REST_AFTER_FAILURE)


def is_learned(slug, accepted):
    """Whether a checkpoint or the live version goes to the last sample."""
    pass_the_time(slug, leases=False)
    recommender = Recommender.objects.using(STACK).select_related("live_version").get(slug=slug)
    live = recommender.live_version
    checkpoint = Checkpoint.objects.using(STACK).filter(recommender=recommender).first()
    return accepted + 1 in [known.next_offset for known in (live, checkpoint) if known]
