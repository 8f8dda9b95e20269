"""One scrape: reads what is measured already, at a constant number of queries and round trips."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from datetime import datetime

import redis
from django.conf import settings
from django.utils import timezone
from prometheus_client.core import Metric

from monitoring.prometheus import families
from monitoring.prometheus.finished import FinishedRuns
from monitoring.prometheus.fleet import add_fleet
from monitoring.prometheus.values import Values
from recadmin.checks import run_checks
from recadmin.heartbeats import ProcessState
from recadmin.valkey_status import ValkeyStatus, valkey_status

logger = logging.getLogger(__name__)


class Exposition:
    """A collector as ``prometheus_client`` knows them."""

    def __init__(self) -> None:
        self._finished = FinishedRuns()

    def collect(self) -> Iterator[Metric]:
        """Everything, now. Where Valkey does not answer, what it knows is left out."""
        now, values = timezone.now(), Values()
        status = _status(now)
        add_fleet(values, self._finished, now, valkey_answers=status is not None)
        for name, finding in run_checks().items():
            values.add(families.CHECK, float(bool(finding.ok)), name)
        values.add(families.DISK_FREE, shutil.disk_usage(settings.RECADMIN_DATA).free)
        if status is not None:
            _add_machinery(values, status, now)
        return values.metrics()


def _status(now: datetime) -> ValkeyStatus | None:
    try:
        return valkey_status(now)
    except redis.RedisError as error:
        logger.warning("metrics without Valkey: %s", error)
        return None


def _add_machinery(values: Values, status: ValkeyStatus, now: datetime) -> None:
    values.add(families.VALKEY_MEMORY, status.memory_bytes)
    if status.beat:
        values.add(families.BEAT_HEARTBEAT, _seconds(status.beat.at, now))
    for queue in status.queues:
        values.add(families.QUEUE_MESSAGES, queue.messages, queue.name)
        waited = _seconds(queue.oldest_at, now) if queue.oldest_at else 0.0
        values.add(families.QUEUE_AGE, waited, queue.name)
        workers = status.workers_of(queue.name)
        alive = sum(worker.state(now) == ProcessState.ALIVE for worker in workers)
        values.add(families.WORKERS, alive, queue.name)
        if workers:
            last = max(worker.at for worker in workers)
            values.add(families.WORKER_HEARTBEAT, _seconds(last, now), queue.name)


def _seconds(at: datetime, now: datetime) -> float:
    return max(0.0, (now - at).total_seconds())
