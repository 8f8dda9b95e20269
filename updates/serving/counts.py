"""What each deployment has answered: requests, rows, and how many users saw it.

Requests and rows are exact. Users are counted by a HyperLogLog in Valkey, which all processes add
to and which keeps no names: its error is 0.81 % (Flajolet et al. 2007; 16,384 registers).
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta

import redis
from django.db.models import F

from recadmin.valkey import impatient
from updates.models import Deployment, Recommender
from updates.serving.served import Served

logger = logging.getLogger(__name__)

# So many users wait for Valkey at most; later ones are then not counted.
MOST_WAITING = 100_000
# After so long without an answer, those of one deployment are no longer told from another's.
KEPT = timedelta(days=30)


class ServedCounts:
    """What one process has answered since the last ``flush``; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[int] = Counter()
        self._rows: Counter[int] = Counter()
        self._stale: Counter[int] = Counter()
        self._users: defaultdict[tuple[int, str], set[str]] = defaultdict(set)

    def add(self, served: Served, rows: int, users: Iterable[str], *, stale: bool) -> None:
        """A request has been answered with so many rows, for these users."""
        deployment = served.deployment_id
        with self._lock:
            self._requests[deployment] += 1
            self._rows[deployment] += rows
            self._stale[deployment] += stale
            waiting = self._users[deployment, _key(served.stream_key, deployment)]
            if len(waiting) < MOST_WAITING:
                waiting.update(users)

    def flush(self) -> None:
        """Add what was counted to the deployments."""
        with self._lock:
            requests, self._requests = self._requests, Counter()
            rows, self._rows = self._rows, Counter()
            stale, self._stale = self._stale, Counter()
            users, self._users = self._users, defaultdict(set)
        for deployment, count in requests.items():
            Deployment.objects.filter(pk=deployment).update(
                scored_requests=F("scored_requests") + count,
                scored_rows=F("scored_rows") + rows[deployment],
                stale_requests=F("stale_requests") + stale[deployment],
            )
        for (deployment, key), names in users.items():
            if names:
                self._flush_users(deployment, key, names)

    def _flush_users(self, deployment: int, key: str, names: set[str]) -> None:
        try:
            count = _counted(key, names)
        except redis.RedisError as error:
            logger.warning("users served are counted later: %s", error)
            with self._lock:
                self._users[deployment, key] |= names
        else:
            Deployment.objects.filter(pk=deployment).update(scored_users=count)


def users_of(recommender: Recommender, deployments: Sequence[int]) -> int:
    """How many users these deployments have answered, each counted once. Raises RedisError."""
    count: int = impatient().pfcount(*(_key(recommender.stream_key, pk) for pk in deployments))
    return count


def _key(stream_key: str, deployment: int) -> str:
    return f"{stream_key}:served-users:{deployment}"


def _counted(key: str, names: set[str]) -> int:
    """How many there are with these. Adding a name twice changes nothing."""
    with impatient().pipeline(transaction=False) as pipeline:
        pipeline.pfadd(key, *names)
        pipeline.expire(key, KEPT)
        pipeline.pfcount(key)
        count: int = pipeline.execute()[-1]
    return count
