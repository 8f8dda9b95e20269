"""How fresh a served model is: a value computed from facts and the clock. Imports no Django.

The facts are stored (what is served, its watermark and next offset; the log's head); the state is
never stored, so that it is right at any time that it is asked for.
"""

from __future__ import annotations

import enum
from dataclasses import asdict, dataclass
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


@dataclass(frozen=True)
class LiveFacts:
    """What is served: event time up to which it has learned, first offset not yet learned."""

    watermark: datetime | None
    next_offset: int


@dataclass(frozen=True)
class LogFacts:
    """The sample log: its last offset (0 when empty) and the newest event time in it."""

    last_offset: int
    newest_event_time: datetime | None


@dataclass(frozen=True)
class Freshness:
    """Freshness at one instant; None where the facts to compute a number are missing.

    age_seconds : now − watermark, at least 0. None: nothing is live, or it has learned nothing.
    lag_seconds : newest event time in the log − watermark, at least 0; 0 when nothing waits.
    backlog_samples : samples in the log that what is served has not learned (all of them when
        nothing is live). None, as is lag_seconds, when the log cannot be read.
    objective_seconds, grace_seconds : what the age is judged by.
    """

    state: FreshnessState
    age_seconds: float | None
    lag_seconds: float | None
    backlog_samples: int | None
    objective_seconds: int
    grace_seconds: int

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
    backlog = (
        None if log is None else max(0, log.last_offset + 1 - (live.next_offset if live else 1))
    )
    return Freshness(
        state=_state(age, backlog, objective_seconds, grace_seconds),
        age_seconds=age,
        lag_seconds=_lag(live, log, backlog),
        backlog_samples=backlog,
        objective_seconds=objective_seconds,
        grace_seconds=grace_seconds,
    )


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
