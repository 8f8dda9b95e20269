"""Recommenders of which what is learned online is not served: on their pages, and as alerts."""

from __future__ import annotations

from collections.abc import Iterator

from monitoring.alerts.kinds import KINDS, Condition
from updates.models import PublishingFreeze, Recommender


def frozen_now(recommender: Recommender) -> PublishingFreeze | None:
    """The freeze that lasts, with what is said of it."""
    freezes = PublishingFreeze.objects.select_related("base", "version", "run")
    return freezes.filter(recommender=recommender, ended_at=None).first()


def frozen_condition(freeze: PublishingFreeze) -> Condition:
    """What is wrong while it lasts."""
    return Condition(
        freeze.recommender_id,
        KINDS["publishing-frozen"],
        "",
        freeze.since,
        f"Version {freeze.base.number} is served without what was learned online up to offset "
        f"{freeze.offset:,}. {freeze.reason}",
        "the guardrails of its online policy hold",
    )


def frozen_conditions() -> Iterator[Condition]:
    """Of all that are frozen: one query."""
    for freeze in PublishingFreeze.objects.filter(ended_at=None).select_related("base"):
        yield frozen_condition(freeze)
