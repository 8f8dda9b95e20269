"""The freshness of many recommenders at once, at a constant cost in queries."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db.models import prefetch_related_objects

from monitoring.fleet_members import Member
from monitoring.freshness import Freshness, LiveFacts, LogFacts, freshness, with_cause
from monitoring.obstacles import InTheWay, in_the_way, labels_pending
from monitoring.served import served_facts
from updates.models import ModelVersion, Recommender
from updates.samples.log import Head, LogUnavailable, SampleLog

Judged = Recommender | Member

logger = logging.getLogger(__name__)


def log_heads(recommenders: Sequence[Judged]) -> dict[int, Head]:
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
    obstacles: InTheWay | None = None,
) -> dict[int, Freshness]:
    """Freshness at ``now`` by recommender pk, at a constant number of queries and round trips.

    Of what is served: the live version, or what online learning has made of it since. ``heads``,
    ``served`` (see ``served_facts``) and ``obstacles`` spare asking where the caller has them.
    Where the log does not answer, lag and backlog are None and the state goes by the age alone.
    """
    prefetch_related_objects(list(recommenders), "live_version")
    return freshness_of(recommenders, now, heads, served, obstacles)


def freshness_of(
    recommenders: Sequence[Judged],
    now: datetime,
    heads: Mapping[int, Head] | None = None,
    served: Mapping[int, LiveFacts] | None = None,
    obstacles: InTheWay | None = None,
) -> dict[int, Freshness]:
    """The same of recommenders that know their live versions, or of members of a fleet."""
    heads = log_heads(recommenders) if heads is None else heads
    served = served_facts(recommenders, now) if served is None else served
    obstacles = in_the_way(recommenders, now) if obstacles is None else obstacles
    logs = {r.pk: log_facts(heads.get(r.pk)) for r in recommenders}
    fleet = {
        r.pk: _one(r, served.get(r.pk) or live_facts(r.live_version), logs[r.pk], now)
        for r in recommenders
    }
    quiet = [r for r in recommenders if fleet[r.pk].overdue and fleet[r.pk].backlog_samples == 0]
    pending: dict[int, bool | None] = {r.pk: None for r in quiet}
    pending |= labels_pending(quiet)
    return {
        pk: with_cause(
            fresh, logs[pk], obstacles.of(pk, labels_pending=pending.get(pk, False)), now
        )
        for pk, fresh in fleet.items()
    }


def log_facts(head: Head | None) -> LogFacts | None:
    """The log as freshness is judged by it; None where it does not answer."""
    if head is None:
        return None
    return LogFacts(head.last_offset, head.newest_event_time, head.newest_arrived_at)


def _one(
    recommender: Judged, served: LiveFacts | None, log: LogFacts | None, now: datetime
) -> Freshness:
    return freshness(
        served,
        log,
        objective_seconds=recommender.freshness_objective_seconds,
        grace_seconds=recommender.grace_seconds,
        now=now,
    )


def live_facts(version: ModelVersion | LiveFacts | None) -> LiveFacts | None:
    """What the version has learned."""
    return LiveFacts(version.watermark, version.next_offset) if version else None
