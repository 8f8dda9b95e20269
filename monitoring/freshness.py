"""How fresh a served model is: a value computed from facts and the clock. Imports no Django.

The facts are stored (what is served, its watermark and next offset; the log's head; what is in the
way); state and cause are never stored, so that they are right at any time that they are asked for.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any


class FreshnessState(enum.StrEnum):
    """FRESH: age ≤ objective. AGING: age ≤ objective + grace. STALE: older.

    IDLE: no sample waits to be learned, whatever the age. UNKNOWN: nothing is live.
    """

    FRESH = "fresh"
    AGING = "aging"
    STALE = "stale"
    IDLE = "idle"
    UNKNOWN = "unknown"


class FreshnessCause(enum.StrEnum):
    """Why nothing fresh comes, beside the state; the first that holds, in this order.

    SYNC_BROKEN: a running process does not serve what it should. WORKER_DEAD: runs wait, and no
    worker takes them. Those are faults at any age; the others count once the age is over the
    objective. BACKLOG: samples wait to be learned. LABELS_PENDING: none does, impressions wait for
    their labels. NO_TRAFFIC: neither, and no sample arrived for longer than the objective.
    """

    NONE = "none"
    SYNC_BROKEN = "sync-broken"
    WORKER_DEAD = "worker-dead"
    BACKLOG = "backlog"
    LABELS_PENDING = "labels-pending"
    NO_TRAFFIC = "no-traffic"


@dataclass(frozen=True)
class LiveFacts:
    """What is served: event time up to which it has learned, first offset not yet learned.

    parts : the same of each component, where another version is served than the live one. known :
    False where something is served of which nothing is known.
    """

    watermark: datetime | None
    next_offset: int
    parts: Mapping[str, LiveFacts] | None = None
    known: bool = True


@dataclass(frozen=True)
class LogFacts:
    """The sample log: its last offset (0 when empty) and the newest event time in it."""

    last_offset: int
    newest_event_time: datetime | None
    newest_arrived_at: datetime | None = None


@dataclass(frozen=True)
class Obstacles:
    """What is in the way of anything fresh, as found beside log and live version.

    labels_pending : impressions wait in the joiner; None where it does not answer.
    """

    sync_broken: bool = False
    worker_dead: bool = False
    labels_pending: bool | None = False


@dataclass(frozen=True)
class Freshness:
    """Freshness at one instant; None where the facts to compute a number are missing.

    age_seconds : now − watermark, at least 0. None: nothing is live, or it has learned nothing.
    lag_seconds : newest event time in the log − watermark, at least 0; 0 when nothing waits.
    backlog_samples : samples in the log that what is served has not learned (all of them when
        nothing is live). None, as is lag_seconds, when the log cannot be read, or nothing is known
        of what is served.
    objective_seconds, grace_seconds : what the age is judged by.
    """

    state: FreshnessState
    age_seconds: float | None
    lag_seconds: float | None
    backlog_samples: int | None
    objective_seconds: int
    grace_seconds: int
    cause: FreshnessCause = FreshnessCause.NONE

    @property
    def overdue(self) -> bool:
        """Whether something fresh is wanted: the age is over the objective, or there is none."""
        return self.age_seconds is None or self.age_seconds > self.objective_seconds

    def to_json(self) -> dict[str, Any]:
        """The form that the API answers."""
        return asdict(self)


def freshness(
    live: LiveFacts | None,
    log: LogFacts | None,
    *,
    objective_seconds: int,
    grace_seconds: int,
    now: datetime,
) -> Freshness:
    """The freshness at ``now``; ``log`` None means that the log does not answer."""
    age = _seconds(now, live and live.watermark)
    backlog = _backlog(live, log)
    return Freshness(
        state=_state(age, backlog, objective_seconds, grace_seconds),
        age_seconds=age,
        lag_seconds=_lag(live, log, backlog),
        backlog_samples=backlog,
        objective_seconds=objective_seconds,
        grace_seconds=grace_seconds,
    )


def with_cause(
    fresh: Freshness, log: LogFacts | None, obstacles: Obstacles, now: datetime
) -> Freshness:
    """The same with its cause at ``now``; ``log`` None means that the log does not answer."""
    cause = _cause(fresh, log, obstacles, now)
    return fresh if cause == fresh.cause else replace(fresh, cause=cause)


def _cause(
    fresh: Freshness, log: LogFacts | None, obstacles: Obstacles, now: datetime
) -> FreshnessCause:
    if obstacles.sync_broken:
        return FreshnessCause.SYNC_BROKEN
    if obstacles.worker_dead:
        return FreshnessCause.WORKER_DEAD
    if not fresh.overdue or log is None:
        return FreshnessCause.NONE
    if fresh.backlog_samples:
        return FreshnessCause.BACKLOG
    if obstacles.labels_pending is not False:
        return FreshnessCause.LABELS_PENDING if obstacles.labels_pending else FreshnessCause.NONE
    silent = _seconds(now, log.newest_arrived_at)
    quiet = silent is None or silent > fresh.objective_seconds
    return FreshnessCause.NO_TRAFFIC if quiet else FreshnessCause.NONE


def _backlog(live: LiveFacts | None, log: LogFacts | None) -> int | None:
    if log is None or (live and not live.known):
        return None
    return max(0, log.last_offset + 1 - (live.next_offset if live else 1))


def _state(
    age: float | None, backlog: int | None, objective_seconds: int, grace_seconds: int
) -> FreshnessState:
    if age is None:
        return FreshnessState.UNKNOWN
    if backlog == 0:
        return FreshnessState.IDLE
    if age <= objective_seconds:
        return FreshnessState.FRESH
    if age <= objective_seconds + grace_seconds:
        return FreshnessState.AGING
    return FreshnessState.STALE


def _lag(live: LiveFacts | None, log: LogFacts | None, backlog: int | None) -> float | None:
    if live is None or log is None:
        return None
    return _seconds(log.newest_event_time, live.watermark) if backlog else 0.0


def _seconds(later: datetime | None, earlier: datetime | None) -> float | None:
    # At least 0: a sample stamped in the future by a wrong clock makes no model younger than new.
    if later is None or earlier is None:
        return None
    return max(0.0, (later - earlier).total_seconds())
