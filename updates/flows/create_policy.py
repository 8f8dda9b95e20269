"""Create a policy, whoever asks for it."""

from typing import Any

from updates.flows.begin_schedule import begin_schedule
from updates.models import UpdatePolicy


def create_policy(policy: UpdatePolicy, *, by: Any = None) -> UpdatePolicy:
    """Save a new policy; its schedule begins now, so that being created fires nothing.

    Returns the policy. Raises IntegrityError where the name is taken, and LogUnavailable as
    ``begin_schedule`` does; nothing is saved then.
    """
    begin_schedule(policy)
    policy._history_user = by
    policy.save(force_insert=True)
    return policy
