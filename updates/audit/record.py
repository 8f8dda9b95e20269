"""Write a change down, in the transaction that makes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from simple_history.models import HistoricalRecords

from updates.models import AuditEvent, UpdatePolicy
from updates.models.audit_event import Action, ActorKind

Values = Mapping[str, Any]


def record(
    action: Action,
    subject: str,
    *,
    by: Any = None,
    policy: UpdatePolicy | None = None,
    recommender: str = "",
    why: str = "",
    before: Values | None = None,
    after: Values | None = None,
) -> AuditEvent:
    """One more line of the trail.

    by : the user who did it; None: whoever sends the present request, else the policy, else the
        system. before, after : what changed, without secrets.
    """
    kind, name = _actor(by, policy)
    return AuditEvent.objects.create(
        actor_kind=kind,
        actor=name,
        action=action,
        subject=subject[:200],
        recommender=recommender,
        why=why,
        before=before,
        after=after,
    )


def _actor(by: Any, policy: UpdatePolicy | None) -> tuple[ActorKind, str]:
    by = by or _sender()
    if by is not None:
        return ActorKind.PERSON, by.get_username()
    if policy is not None:
        return ActorKind.POLICY, policy.name
    return ActorKind.SYSTEM, ""


def _sender() -> Any:
    """Who sent the request that this thread answers; None where it answers none, or nobody's but a
    program's that recadmin has started."""
    user = getattr(getattr(HistoricalRecords.context, "request", None), "user", None)
    return user if isinstance(user, AbstractBaseUser) and user.is_authenticated else None
