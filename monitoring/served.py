"""What is served where that is not the live version: what was learned online since, or what servers
that are not ours have swapped to."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime

from monitoring.freshness import LiveFacts
from monitoring.servers import NOTHING, acknowledged, facts_of
from updates.flows.follow_predictions import MAJORITY, named
from updates.flows.online.position import sent_to_serving
from updates.models import PublishingFreeze, Recommender, ServingReport
from updates.samples.batches import from_ms
from updates.samples.durable import LogUnavailable
from updates.serving.deltas import Position

logger = logging.getLogger(__name__)


def online_positions(recommenders: Sequence[Recommender]) -> dict[int, Position]:
    """How far online learning has been sent to serving, by recommender pk, where it goes on from
    what is live; nothing where Valkey does not answer."""
    try:
        return sent_to_serving(recommenders)
    except LogUnavailable as error:
        logger.warning("freshness without online learning: %s", error)
        return {}


def served_facts(
    recommenders: Sequence[Recommender],
    now: datetime,
    sent: Mapping[int, Position] | None = None,
) -> dict[int, LiveFacts]:
    """Up to where what is served has learned, by recommender pk, where that is past its live
    version, or other servers than ours serve it.

    What was sent to serving is served, unless a process reports that it has not received it: then
    what that one serves counts. Where there are targets, what they have acknowledged counts alone;
    where its own servers log what they predict, what these name. ``sent`` spares asking where the
    caller has it already.
    """
    sent = online_positions(recommenders) if sent is None else sent
    facts = {pk: LiveFacts(from_ms(at.watermark_ms), at.offset + 1) for pk, at in sent.items()}
    if facts:
        for report in ServingReport.objects.running(now).filter(recommender__in=facts):
            if report.out_of_sync and report.offset is not None:
                theirs = LiveFacts(report.watermark, report.offset + 1)
                known = facts[report.recommender_id]
                facts[report.recommender_id] = min(known, theirs, key=lambda f: f.next_offset)
    past = {r.pk: facts[r.pk] for r in recommenders if r.pk in facts and _is_past(r, facts[r.pk])}
    pks = [recommender.pk for recommender in recommenders]
    following = [recommender.pk for recommender in recommenders if recommender.follows_predictions]
    return past | acknowledged(pks, now) | _predicted(following, now)


def _predicted(pks: Sequence[int], now: datetime) -> dict[int, LiveFacts]:
    """Up to where what the latest predictions name has learned; nothing is known of a version that
    was not reported."""
    first = {pk: found[0] for pk, found in named(pks, now).items()}
    return {
        pk: facts_of(most.version) if most.version else NOTHING
        for pk, most in first.items()
        if most.share > MAJORITY
    }


def with_sync(recommender: Recommender, now: datetime) -> list[ServingReport]:
    """What each process says that it serves, with its sync state as ``sync``."""
    reports = list(recommender.serving_reports.select_related("wanted", "served"))
    frozen = PublishingFreeze.open_of(recommender) is not None
    for report in reports:
        report.sync = report.sync_state(now, frozen=frozen)
    return reports


def _is_past(recommender: Recommender, facts: LiveFacts) -> bool:
    live = recommender.live_version
    return live is None or facts.next_offset > live.next_offset
