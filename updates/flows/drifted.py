"""What whoever watches the samples has found out: policies fire because of it.

Each may be told as often as one likes, by any number of processes: a fire is claimed once.
"""

from datetime import datetime, timedelta

from django.db import transaction

from updates.cadence import Trigger
from updates.flows.fire import fire, nothing_new
from updates.models import Recommender, UpdatePolicy
from updates.models.policy import EXECUTED
from updates.samples.log import SampleLog


def drifted(recommender: Recommender, since: datetime, because: str, now: datetime) -> None:
    """An alarm is on since then; its policies with trigger drift fire.

    because : a sentence, kept as the run's reason. An alarm that was on when a policy last fired
    has been answered. Between two fires lies the policy's rest, and without new samples none is
    claimed: an alarm that is still on after that fires then. Raises LogUnavailable.
    """
    for policy in recommender.policies.filter(trigger=Trigger.DRIFT, strategy__in=EXECUTED):
        answered = policy.last_due_at is not None and since <= policy.last_due_at
        if not answered:
            _fire(policy, timedelta(seconds=policy.rest_seconds or 0), because, now)


def degraded(policy: UpdatePolicy, because: str, now: datetime) -> None:
    """The live version predicts worse than the policy allows: an update, then a rest as long as
    the freshness objective. Raises LogUnavailable."""
    _fire(policy, timedelta(seconds=policy.objective_seconds), because, now)


def _fire(policy: UpdatePolicy, rest: timedelta, because: str, now: datetime) -> None:
    head = SampleLog(policy.recommender).head()
    if nothing_new(policy, head):
        return
    with transaction.atomic():
        if policy.claim_rest(now, rest):
            fire(policy, now, now, head, reason=because)
