"""The freshness of many recommenders at once, at a constant cost in queries."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db.models import prefetch_related_objects

from monitoring.freshness import Freshness, LiveFacts, LogFacts, freshness
from updates.models import ModelVersion, Recommender
from updates.samples.log import Head, LogUnavailable, SampleLog

logger = logging.getLogger(__name__)


def log_heads(recommenders: Sequence[Recommender]) -> dict[int, Head]:
    """Heads of their logs by recommender pk, in one round trip; empty if the log is unreachable."""
    if not recommenders:
        return {}
    try:
        return SampleLog.heads(recommenders)
    except LogUnavailable as error:
        logger.warning("freshness without the sample log: %s", error)
        return {}


def fleet_freshness(
    recommenders: Sequence[Recommender],
    now: datetime,
    heads: Mapping[int, Head] | None = None,
) -> dict[int, Freshness]:
    """Freshness at ``now`` by recommender pk: at most one query and one round trip to the log.

    ``heads`` spares the round trip where the caller has them already. Where the log does not
    answer, lag and backlog are None and the state goes by the age alone.
    """
    heads = log_heads(recommenders) if heads is None else heads
    prefetch_related_objects(list(recommenders), "live_version")
    return {r.pk: _one(r, heads.get(r.pk), now) for r in recommenders}


def _one(recommender: Recommender, head: Head | None, now: datetime) -> Freshness:
    return freshness(
        _live_facts(recommender.live_version),
        LogFacts(head.last_offset, head.newest_event_time) if head else None,
        objective_seconds=recommender.freshness_objective_seconds,
        grace_seconds=recommender.grace_seconds,
        now=now,
    )


def _live_facts(version: ModelVersion | None) -> LiveFacts | None:
    return LiveFacts(version.watermark, version.next_offset) if version else None
