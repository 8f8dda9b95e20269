"""Stop policies from firing, one or all of a recommender, and let them fire again."""

from itertools import takewhile
from typing import Any

from django.db import transaction

from updates.flows.begin_schedule import FIELDS as SCHEDULE
from updates.flows.begin_schedule import begin_schedule
from updates.flows.roll_back import lift_hold
from updates.flows.trigger import TriggerError
from updates.models import Recommender, UpdatePolicy
from updates.models.component_rules import conflicts

PAUSED, RESUMED = "paused", "resumed"
PAUSED_WITH_ALL = "paused with its recommender"


def pause(policy: UpdatePolicy, *, by: Any = None, why: str = PAUSED) -> None:
    """It fires no more until resumed; an update under way goes on."""
    with transaction.atomic():
        policy = UpdatePolicy.objects.select_for_update().get(pk=policy.pk)
        policy.enabled = False
        _save(policy, by, why)


def resume(policy: UpdatePolicy, *, by: Any = None) -> None:
    """It fires again from its next time on; what it missed is not made up for.

    Raises LogUnavailable as ``begin_schedule`` does, and TriggerError where it does not go together
    with a policy that is on.
    """
    with transaction.atomic():
        policy = UpdatePolicy.objects.select_for_update().get(pk=policy.pk)
        if policy.enabled:
            return
        policy.enabled = True
        for field, problem in conflicts(policy).items():
            raise TriggerError(field, problem)
        begin_schedule(policy)
        _save(policy, by, RESUMED)


def pause_all(recommender: Recommender, *, by: Any = None) -> list[UpdatePolicy]:
    """Pause the recommender's policies that are on; returns them."""
    with transaction.atomic():
        on = list(recommender.policies.select_for_update().filter(enabled=True))
        for policy in on:
            pause(policy, by=by, why=PAUSED_WITH_ALL)
    return on


def resume_all(recommender: Recommender, *, by: Any = None) -> list[UpdatePolicy]:
    """Resume what ``pause_all`` paused, and lift holds; returns the policies concerned.

    A policy that somebody had paused by itself stays so. Raises as ``resume`` does.
    """
    concerned = []
    with transaction.atomic():
        for policy in recommender.policies.select_for_update():
            held, paused = bool(policy.hold_reason), _paused_with_all(policy)
            if held:
                lift_hold(policy, by=by)
            if paused:
                resume(policy, by=by)
            if held or paused:
                concerned.append(policy)
    return concerned


def _paused_with_all(policy: UpdatePolicy) -> bool:
    since_paused = list(takewhile(lambda record: not record.enabled, policy.history.all()))
    return bool(since_paused) and since_paused[-1].history_change_reason == PAUSED_WITH_ALL


def _save(policy: UpdatePolicy, by: Any, why: str) -> None:
    policy._history_user = by
    policy._change_reason = why
    policy.save(update_fields=["enabled", *SCHEDULE])
