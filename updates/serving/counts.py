"""What each deployment and each canary has answered: requests, rows, and how many users saw it.

Requests and rows are exact. Users are counted by a HyperLogLog in Valkey, which all processes add
to and which keeps no names: its error is 0.81 % (Flajolet et al. 2007; 16,384 registers).
"""

from __future__ import annotations

import logging
import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

import redis
from django.db.models import F

from recadmin.valkey import impatient
from updates.models import Canary, Deployment, Recommender
from updates.models.answered import Answered
from updates.serving.served import Served

logger = logging.getLogger(__name__)

# So many users wait for Valkey at most; later ones are then not counted.
MOST_WAITING = 100_000
# After so long without an answer, those of one deployment are no longer told from another's.
KEPT = timedelta(days=30)


# A deployment or a canary, and its pk.
Owner = tuple[type[Answered], int]


class ServedCounts:
    """What one process has answered since the last ``flush``; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: Counter[Owner] = Counter()
        self._rows: Counter[Owner] = Counter()
        self._stale: Counter[Owner] = Counter()
        self._users: defaultdict[tuple[Owner, str], set[str]] = defaultdict(set)

    def add(self, served: Served, rows: int, users: Iterable[str], *, stale: bool) -> None:
        """A request has been answered with so many rows, for these users."""
        owner = _owner(served)
        with self._lock:
            self._requests[owner] += 1
            self._rows[owner] += rows
            self._stale[owner] += stale
            waiting = self._users[owner, _key(served.stream_key, owner)]
            if len(waiting) < MOST_WAITING:
                waiting.update(users)

    def flush(self) -> None:
        """Add what was counted to the deployments and canaries."""
        with self._lock:
            requests, self._requests = self._requests, Counter()
            rows, self._rows = self._rows, Counter()
            stale, self._stale = self._stale, Counter()
            users, self._users = self._users, defaultdict(set)
        for owner, count in requests.items():
            _update(
                owner,
                scored_requests=F("scored_requests") + count,
                scored_rows=F("scored_rows") + rows[owner],
                stale_requests=F("stale_requests") + stale[owner],
            )
        for (owner, key), names in users.items():
            if names:
                self._flush_users(owner, key, names)

    def _flush_users(self, owner: Owner, key: str, names: set[str]) -> None:
        try:
            count = _counted(key, names)
        except redis.RedisError as error:
            logger.warning("users served are counted later: %s", error)
            with self._lock:
                self._users[owner, key] |= names
        else:
            _update(owner, scored_users=count)


def _owner(served: Served) -> Owner:
    if served.canary_id is not None:
        return Canary, served.canary_id
    return Deployment, served.deployment_id


def _update(owner: Owner, **counts: Any) -> None:
    model, pk = owner
    model._default_manager.filter(pk=pk).update(**counts)


def users_of(recommender: Recommender, deployments: Sequence[int]) -> int:
    """How many users these deployments have answered, each counted once. Raises RedisError."""
    keys = (_key(recommender.stream_key, (Deployment, pk)) for pk in deployments)
    count: int = impatient().pfcount(*keys)
    return count


def _key(stream_key: str, owner: Owner) -> str:
    model, pk = owner
    named = "" if model is Deployment else f"{model._meta.model_name}-"
    return f"{stream_key}:served-users:{named}{pk}"


def _counted(key: str, names: set[str]) -> int:
    """How many there are with these. Adding a name twice changes nothing."""
    with impatient().pipeline(transaction=False) as pipeline:
        pipeline.pfadd(key, *names)
        pipeline.expire(key, KEPT)
        pipeline.pfcount(key)
        count: int = pipeline.execute()[-1]
    return count
