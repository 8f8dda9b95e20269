"""What to press when nothing fresh comes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.urls import reverse

from monitoring.fleet_members import Member
from monitoring.freshness import Freshness, FreshnessCause
from updates.models import UpdatePolicy, UpdateRun
from updates.models.policy import Strategy
from updates.models.run import ACTIVE

# Those that an update by hand may follow, the quickest first.
BY_HAND = (Strategy.INCREMENTAL, Strategy.LOCAL, Strategy.FULL)


@dataclass(frozen=True)
class Remedy:
    """posts : the address starts an update, else it shows more; ``operates`` : for operators."""

    label: str
    address: str
    posts: bool = False
    operates: bool = False


def remedy(
    recommender: Member,
    fresh: Freshness,
    policies: Sequence[UpdatePolicy],
    last_run: UpdateRun | None,
) -> Remedy | None:
    """What answers the cause; None where nothing does, or an update is under way."""
    page = reverse("recommender", args=[recommender.slug])
    if fresh.cause == FreshnessCause.WORKER_DEAD:
        return Remedy("See the workers", reverse("workers"))
    if fresh.cause == FreshnessCause.SYNC_BROKEN:
        return Remedy("See what is served", page)
    if fresh.cause == FreshnessCause.LABELS_PENDING:
        return Remedy("See the joining", f"{page}#joining-title")
    answers = recommender.updated_here and fresh.cause == FreshnessCause.BACKLOG
    if not answers or _under_way(last_run):
        return None
    if policy := _by_hand(policies):
        address = reverse("policy-run", args=[recommender.slug, policy.name])
        return Remedy("Update now", address, posts=True, operates=True)
    return Remedy("Update…", f"{page}#trigger", operates=True)


def _under_way(run: UpdateRun | None) -> bool:
    """An online session does not count: it has had its time, and makes way for an update."""
    return run is not None and run.state in ACTIVE and run.strategy != Strategy.ONLINE


def _by_hand(policies: Sequence[UpdatePolicy]) -> UpdatePolicy | None:
    able = [policy for policy in policies if policy.active and policy.strategy in BY_HAND]
    return min(able, key=lambda policy: BY_HAND.index(policy.strategy), default=None)
