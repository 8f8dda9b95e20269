"""Stop a policy from firing, and let it fire again."""

from typing import Any

from django.db import transaction

from updates.models import UpdatePolicy


def pause(policy: UpdatePolicy, *, by: Any = None) -> None:
    """It fires no more until resumed; an update under way goes on."""
    with transaction.atomic():
        policy = UpdatePolicy.objects.select_for_update().get(pk=policy.pk)
        policy.enabled = False
        _save(policy, by, "paused")


def resume(policy: UpdatePolicy, *, by: Any = None) -> None:
    """It fires again from its next time on; what it missed is not made up for."""
    with transaction.atomic():
        policy = UpdatePolicy.objects.select_for_update().get(pk=policy.pk)
        if policy.enabled:
            return
        policy.enabled = True
        policy.reschedule()
        _save(policy, by, "resumed")


def _save(policy: UpdatePolicy, by: Any, why: str) -> None:
    policy._history_user = by
    policy._change_reason = why
    policy.save(update_fields=["enabled", "next_due_at"])
