"""A recommender's policies, newest versions and newest runs, as tables on its page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from updates import words
from updates.admin.shown import link, moment
from updates.models import Recommender, UpdatePolicy

NEWEST = 10


@dataclass(frozen=True)
class RelatedTable:
    """Rows to read, and where all of them are."""

    title: str
    heads: Sequence[str]
    rows: list[Sequence[Any]]
    total: int
    address: str


def related_tables(recommender: Recommender) -> list[RelatedTable]:
    """Policies, versions, runs."""
    return [_policies(recommender), _versions(recommender), _runs(recommender)]


def _policies(recommender: Recommender) -> RelatedTable:
    rows = [
        (link(p), p.strategy, words.cadence(p.cadence), state_of(p), moment(p.next_due_at))
        for p in recommender.policies.select_related("recommender")
    ]
    heads = ("policy", "strategy", "fires", "state", "next fire")
    return RelatedTable("Policies", heads, rows, len(rows), _all("updatepolicy", recommender))


def _versions(recommender: Recommender) -> RelatedTable:
    versions = recommender.versions.select_related("recommender").order_by("-number")
    rows = [
        (link(v), v.state, moment(v.watermark), moment(v.created_at)) for v in versions[:NEWEST]
    ]
    heads = ("version", "state", "learned up to", "made")
    total = versions.count()
    return RelatedTable("Versions", heads, rows, total, _all("modelversion", recommender))


def _runs(recommender: Recommender) -> RelatedTable:
    runs = recommender.runs.select_related("recommender", "policy__recommender")
    rows = [
        (link(r), r.state, r.policy.name if r.policy else "by hand", moment(r.queued_at))
        for r in runs[:NEWEST]
    ]
    heads = ("run", "state", "policy", "queued")
    return RelatedTable("Runs", heads, rows, runs.count(), _all("updaterun", recommender))


def state_of(policy: UpdatePolicy) -> str:
    """On, off, or held and why."""
    if policy.hold_reason:
        return f"held: {policy.hold_reason}"
    return "on" if policy.enabled else "paused"


def _all(model: str, recommender: Recommender) -> str:
    listing = reverse(f"admin:updates_{model}_changelist")
    return f"{listing}?recommender__id__exact={recommender.pk}"
