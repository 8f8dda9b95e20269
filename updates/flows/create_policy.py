"""Create a policy, whoever asks for it."""

from typing import Any

from updates.cadence import Trigger
from updates.models import UpdatePolicy
from updates.samples.log import SampleLog


def create_policy(policy: UpdatePolicy, *, by: Any = None) -> UpdatePolicy:
    """Save a new policy; its schedule begins now, so that being created fires nothing.

    One that fires by samples counts from the newest one in the log. Returns the policy. Raises
    IntegrityError where the name is taken, LogUnavailable where the log is asked and does not
    answer; nothing is saved then.
    """
    if policy.trigger == Trigger.SAMPLES:
        policy.fired_through_offset = SampleLog(policy.recommender).head().last_offset
    policy._history_user = by
    policy.save(force_insert=True)
    return policy
