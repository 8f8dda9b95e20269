"""The freshness of many recommenders at once, at a constant cost in queries."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db.models import prefetch_related_objects

from monitoring.freshness import Freshness, LiveFacts, LogFacts, freshness
from updates.flows.online.position import sent_to_serving
from updates.models import Recommender
from updates.samples.batches import from_ms
from updates.samples.log import Head, LogUnavailable, SampleLog
from updates.serving.deltas import Position

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
    """Freshness at ``now`` by recommender pk: at most two queries and two round trips to Valkey.

    ``heads`` spares a round trip where the caller has them already. Where the log does not
    answer, lag and backlog are None and the state goes by the age alone.
    """
    heads = log_heads(recommenders) if heads is None else heads
    learned = live_facts(recommenders)
    return {r.pk: _one(r, learned.get(r.pk), heads.get(r.pk), now) for r in recommenders}


def live_facts(recommenders: Sequence[Recommender]) -> dict[int, LiveFacts]:
    """How far what is live has learned, by recommender pk: the version, or what online learning has
    sent to serving on top of it."""
    prefetch_related_objects(list(recommenders), "live_version")
    live = {r.pk: r.live_version for r in recommenders if r.live_version}
    facts = {pk: LiveFacts(version.watermark, version.next_offset) for pk, version in live.items()}
    for pk, sent in _sent_online([r for r in recommenders if r.pk in live]).items():
        if sent.offset >= facts[pk].next_offset:
            facts[pk] = LiveFacts(from_ms(sent.watermark_ms), sent.offset + 1)
    return facts


def _sent_online(recommenders: Sequence[Recommender]) -> dict[int, Position]:
    try:
        return sent_to_serving(recommenders)
    except LogUnavailable as error:
        logger.warning("freshness without what was sent to serving: %s", error)
        return {}


def _one(
    recommender: Recommender, live: LiveFacts | None, head: Head | None, now: datetime
) -> Freshness:
    return freshness(
        live,
        LogFacts(head.last_offset, head.newest_event_time) if head else None,
        objective_seconds=recommender.freshness_objective_seconds,
        grace_seconds=recommender.grace_seconds,
        now=now,
    )
