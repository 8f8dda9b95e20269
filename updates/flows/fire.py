"""A policy's fire, once it has been claimed."""

from datetime import datetime

from django.db import transaction

from updates import signals
from updates.flows.trigger import trigger
from updates.models import UpdatePolicy
from updates.models.policy import Strategy
from updates.samples.log import Head, SampleLog


def fire(
    policy: UpdatePolicy,
    due_at: datetime,
    now: datetime,
    head: Head | None,
    *,
    missed: int = 0,
    reason: str = "",
) -> None:
    """In the transaction of the claim: a run for the fire and those missed, or a counted skip."""
    if nothing_new(policy, head or SampleLog(policy.recommender).head()):
        policy.skip(fires=1 + missed)
        return
    run = trigger(
        policy.recommender,
        policy=policy,
        reason=reason or f"{policy.trigger} of {policy.name}",
        due_at=due_at,
    )
    if missed:
        run.coalesce(missed)
    transaction.on_commit(
        lambda: signals.policy_fired.send(
            UpdatePolicy, policy=policy, run=run, due_at=due_at, fired_at=now
        )
    )


def nothing_new(policy: UpdatePolicy, head: Head) -> bool:
    """Whether a fire has nothing to work on; what goes on needs a version to build on."""
    live = policy.recommender.live_version
    if policy.begins_anew or policy.strategy == Strategy.ONLINE:
        return head.last_offset == 0
    return live is None or live.least(policy.effective_components).next_offset > head.last_offset
