"""What tests of canaries share: policies that put candidates on trial, and clocks."""

import pytest
import time_machine

from tests.updates.flows.conftest import learnable_rows
from updates.flows.append_samples import append_samples
from updates.flows.canary_judge import judge
from updates.models import Canary, ModelVersion
from updates.samples.log import SampleLog

SECONDS = 600


def make_trying(recommender, **fields):
    """A policy whose candidates serve on trial for ten minutes."""
    fields = {"strategy": "incremental", "holdout_samples": 200, "canary_share": 0.2} | fields
    return recommender.policies.create(
        name="trying", trigger="manual", canary_seconds=SECONDS, **fields
    )


def judged(canary, at=None):
    """The canary once a worker has looked at it, at that time or now."""
    with time_machine.travel(at or canary.began_at, tick=False):
        judge(canary.pk)
    return Canary.objects.select_related("recommender", "version", "run").get(pk=canary.pk)


def ended(canary):
    """The canary once a worker has looked at it at its end."""
    return judged(canary, canary.ends_at)


def append_flipped(recommender, make_batch, count):
    """The next rows of the endless stream, each with the other label."""
    first = SampleLog(recommender).head().last_offset
    rows = [row | {"label": 1 - row["label"]} for row in learnable_rows(count, first)]
    append_samples(recommender, make_batch(rows), batch_id=f"rows-{first}")


@pytest.fixture
def policy(recommender, live):
    return make_trying(recommender)


@pytest.fixture
def canary(recommender, policy, append, update):
    """Version 2 on trial."""
    append(recommender, 1000)
    run = update(recommender, policy)
    assert run.state == "canary", run.error
    return Canary.objects.get(run=run)


@pytest.fixture
def bad(recommender, live, append, make_batch, update):
    """Version 2 on trial, which has learned the opposite; its policy has guardrails again."""
    lenient = {"max_ne_increase": 100, "min_calibration": 0, "max_calibration": 100}
    policy = make_trying(recommender, **lenient)
    append_flipped(recommender, make_batch, 3000)
    run = update(recommender, policy)
    assert run.state == "canary", run.error
    policy.max_ne_increase = 0.01
    policy.save(update_fields=["max_ne_increase"])
    return Canary.objects.get(run=run)


def numbers(recommender):
    """Number of the live version, and the states of all, oldest first."""
    recommender.refresh_from_db()
    states = recommender.versions.order_by("number").values_list("state", flat=True)
    return recommender.live_version.number, list(states)


@pytest.fixture
def another(recommender, live):
    """``another()``: one more version, with the bytes of the first."""

    def make():
        return ModelVersion.publish(
            recommender,
            learner=live.learner,
            learner_options=live.learner_options,
            digest=live.digest,
            artifact_bytes=live.artifact_bytes,
            learned_ranges=live.learned_ranges,
            next_offset=live.next_offset,
        )

    return make
