"""The freshness of many recommenders at once, at a constant cost in queries."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db.models import prefetch_related_objects

from monitoring.freshness import Freshness, LiveFacts, LogFacts, freshness
from monitoring.served import served_facts
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
    served: Mapping[int, LiveFacts] | None = None,
) -> dict[int, Freshness]:
    """Freshness at ``now`` by recommender pk, at a constant number of queries and round trips.

    Of what is served: the live version, or what online learning has made of it since. ``heads``
    and ``served`` (see ``served_facts``) spare round trips where the caller has them already.
    Where the log does not answer, lag and backlog are None and the state goes by the age alone.
    """
    heads = log_heads(recommenders) if heads is None else heads
    prefetch_related_objects(list(recommenders), "live_version")
    served = served_facts(recommenders, now) if served is None else served
    return {
        r.pk: _one(r, served.get(r.pk) or live_facts(r.live_version), heads.get(r.pk), now)
        for r in recommenders
    }


def _one(
    recommender: Recommender, served: LiveFacts | None, head: Head | None, now: datetime
) -> Freshness:
    return freshness(
        served,
        LogFacts(head.last_offset, head.newest_event_time) if head else None,
        objective_seconds=recommender.freshness_objective_seconds,
        grace_seconds=recommender.grace_seconds,
        now=now,
    )


def live_facts(version: ModelVersion | None) -> LiveFacts | None:
    """What the version has learned."""
    return LiveFacts(version.watermark, version.next_offset) if version else None
