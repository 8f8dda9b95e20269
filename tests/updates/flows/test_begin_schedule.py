"""A policy that fires by samples makes up for nothing that came while it could not fire."""

import pytest

from tests.updates.admin.conftest import address, told
from tests.updates.flows.conftest import *  # noqa: F403 - its fixtures
from updates.flows.pause import pause, pause_all, resume, resume_all
from updates.flows.roll_back import lift_hold
from updates.models import UpdatePolicy
from updates.samples.log import LogUnavailable, SampleLog
from updates.scheduling import tick

HELD = {"hold_reason": "Rolled back to v1: bad labels"}


@pytest.fixture
def policy(recommender):
    """Fires a full update each hundred samples; the thousand in the log are behind it."""
    return recommender.policies.create(
        name="hundred",
        strategy="full",
        trigger="samples",
        every_samples=100,
        fired_through_offset=1000,
    )


def pause_and_resume(policy, meanwhile):
    pause(policy)
    meanwhile()
    resume(policy)


def pause_and_resume_all(policy, meanwhile):
    pause_all(policy.recommender)
    meanwhile()
    resume_all(policy.recommender)


def hold_and_lift(policy, meanwhile):
    UpdatePolicy.objects.update(**HELD)
    policy.refresh_from_db()
    meanwhile()
    lift_hold(policy)


@pytest.mark.parametrize("interrupt", [pause_and_resume, pause_and_resume_all, hold_and_lift])
def test_samples_that_came_meanwhile_fire_nothing(interrupt, policy, recommender, append):
    interrupt(policy, lambda: append(recommender, 500))
    tick()
    append(recommender, 99)
    tick()
    assert not policy.runs.exists()
    append(recommender, 1)
    tick()
    assert policy.runs.count() == 1


@pytest.mark.parametrize(
    ("stopped", "page"),
    [({"enabled": False}, "resume/"), (HELD, "lift-hold/")],
)
def test_a_log_that_does_not_answer_is_told_and_the_policy_stays_as_it_is(
    stopped, page, policy, as_operator, monkeypatch
):
    UpdatePolicy.objects.update(**stopped)

    def fail(log):
        raise LogUnavailable("The sample log is unavailable: no answer")

    monkeypatch.setattr(SampleLog, "head", fail)
    answer = as_operator.post(f"/recommenders/news/policies/{policy.name}/{page}")
    assert "The sample log is unavailable: no answer." in told(answer)
    action = {"action": page.strip("/").replace("-", "_"), "_selected_action": [policy.pk]}
    answer = as_operator.post(address("updatepolicy_changelist"), action)
    assert "The sample log does not answer: nothing was changed." in told(answer)
    policy.refresh_from_db()
    assert not policy.active
