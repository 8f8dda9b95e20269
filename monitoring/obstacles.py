"""What is in the way of anything fresh, of many recommenders at once.

Three queries and two round trips however many there are; the round trips only where there is
something to ask.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

import redis
from django.db.models import Exists, OuterRef, Q

from monitoring.freshness import Obstacles
from monitoring.servers import at_fault
from recadmin import heartbeats
from recadmin.heartbeats import ProcessState
from recadmin.valkey import connection, impatient
from updates.joiners import joiner_of
from updates.models import ComponentLease, PublishingFreeze, Recommender, ServingReport, UpdateRun
from updates.models.policy import Strategy
from updates.models.recommender import among
from updates.models.run import WRITING, RunState
from updates.samples.durable import LogUnavailable
from updates.samples.joiner import Joiner

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class InTheWay:
    """Obstacles of a fleet.

    sync_broken : by pk of recommenders of which a running process, or a server that is not ours,
    serves something else than it should: which, and why. stranded : components whose runs wait and
    that no worker takes, by recommender pk.
    """

    sync_broken: dict[int, str]
    stranded: dict[int, frozenset[str]]

    def of(
        self, pk: int, component: str | None = None, labels_pending: bool | None = False
    ) -> Obstacles:
        """Those of one recommender, or of one of its components."""
        stranded = self.stranded.get(pk, frozenset())
        dead = bool(stranded) if component is None else component in stranded
        return Obstacles(pk in self.sync_broken, dead, labels_pending)


def in_the_way(recommenders: Sequence[Recommender], now: datetime) -> InTheWay:
    """What keeps them from serving, or from learning."""
    pks = [recommender.pk for recommender in recommenders]
    return InTheWay(_sync_broken(pks, now), _stranded(pks, now))


def labels_pending(recommenders: Sequence[Recommender]) -> dict[int, bool]:
    """Whether impressions wait for their labels, by pk: one round trip; empty where the joiners do
    not answer."""
    if not recommenders:
        return {}
    try:
        waiting = Joiner.waiting(connection(), map(joiner_of, recommenders))
    except LogUnavailable as error:
        logger.warning("causes without the joiners: %s", error)
        return {}
    return {
        recommender.pk: found.impression_ms is not None or found.positives > 0
        for recommender, found in zip(recommenders, waiting, strict=True)
    }


def _sync_broken(pks: Sequence[int], now: datetime) -> dict[int, str]:
    # What is frozen is not sent, so that nobody can miss it.
    frozen = PublishingFreeze.objects.filter(recommender=OuterRef("recommender"), ended_at=None)
    follows = Q(followed_at__isnull=False) & ~Exists(frozen)
    suspects = ServingReport.objects.running(now).filter(~Q(error="") | follows, among(pks))
    processes = {
        report.recommender_id: f"Process {report.process}: {_trouble(report)}"
        for report in suspects
        if report.error or report.out_of_sync
    }
    servers = at_fault(pks, now)
    return {
        pk: " ".join(said[pk] for said in (processes, servers) if pk in said)
        for pk in processes.keys() | servers.keys()
    }


def _trouble(report: ServingReport) -> str:
    behind = f"behind online learning, at offset {report.offset}." if report.out_of_sync else ""
    return " ".join(filter(None, (behind, report.error)))


def _stranded(pks: Sequence[int], now: datetime) -> dict[int, frozenset[str]]:
    held = ComponentLease.objects.filter(run=OuterRef("pk"), expires_at__gt=now)
    at_work = Q(state__in=WRITING)
    active = UpdateRun.objects.active()
    waiting = active.filter(Q(state=RunState.QUEUED) | (at_work & ~Exists(held)))
    rows = waiting.order_by().values_list("recommender_id", "strategy", "components")
    # Few runs are active, of whichever recommenders; to ask by recommender reads all of theirs.
    wanted = set(pks)
    runs = [row for row in rows if row[0] in wanted]
    alive = _queues_with_workers(now) if runs else None
    found: dict[int, set[str]] = defaultdict(set)
    for pk, strategy, components in runs:
        if alive is not None and _queue_of(strategy) not in alive:
            found[pk].update(components)
    return {pk: frozenset(components) for pk, components in found.items()}


def _queue_of(strategy: str) -> str:
    return "online" if strategy == Strategy.ONLINE else "runs"


def _queues_with_workers(now: datetime) -> Collection[str] | None:
    """None where Valkey does not answer: nothing can be said of workers then."""
    try:
        fields = impatient().hgetall(heartbeats.KEY)
    except redis.RedisError as error:
        logger.warning("causes without heartbeats: %s", error)
        return None
    processes: Iterable[heartbeats.Heartbeat] = heartbeats.known(fields, now)
    return {
        queue
        for process in processes
        if process.state(now) == ProcessState.ALIVE
        for queue in process.queues
    }
