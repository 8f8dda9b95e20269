"""Whether a candidate serves on trial before it is promoted, and when a policy may ask for that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

from updates.models.policy_bounds import BOUNDS

if TYPE_CHECKING:
    from updates.models.policy import UpdatePolicy

ON_TRIAL = ("full", "incremental", "local")
ONLINE = "online"
DEFAULT_SHARE = 0.1


class CanaryFields(models.Model):
    """For how long, and to which share of the traffic."""

    canary_seconds = models.PositiveIntegerField(
        null=True,
        blank=True,
        validators=BOUNDS["canary_seconds"].validators,
        help_text="For strategies full, incremental and local: so many seconds a candidate that "
        "has passed the guardrails serves on trial before it is promoted. Nothing else is promoted "
        "meanwhile. Empty: it is promoted at once.",
    )
    canary_share = models.FloatField(
        default=DEFAULT_SHARE,
        db_default=DEFAULT_SHARE,
        validators=BOUNDS["canary_share"].validators,
        help_text="Share of users whose requests it answers meanwhile, 0 to 0.5. 0: nobody's; it "
        "is only judged on the samples that arrive.",
    )

    class Meta:
        abstract = True


def canary_errors(policy: UpdatePolicy) -> dict[str, str]:
    """What is wrong with the canary of a policy, by field."""
    if policy.canary_seconds is not None and policy.strategy not in ON_TRIAL:
        return {"canary_seconds": f"Must be empty: canaries are for {', '.join(ON_TRIAL)}."}
    return {}


def overtaken_online(policy: UpdatePolicy) -> dict[str, str]:
    """Why it does not go together with another policy that is on, where one of both learns online
    and the other has canaries: the samples that shall judge would be learned meanwhile."""
    others = policy.recommender.policies.filter(enabled=True).exclude(pk=policy.pk)
    if policy.canary_seconds is not None:
        online = others.filter(strategy=ONLINE).first()
        why = f"Policy {online.name} learns online: it would overtake a canary." if online else ""
        return {"canary_seconds": why} if why else {}
    trying = others.filter(canary_seconds__isnull=False).first()
    if policy.strategy != ONLINE or trying is None:
        return {}
    return {"strategy": f"It would overtake the canaries of policy {trying.name}."}
