"""How much memory live models take, and when they reach their limits."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from math import isfinite

from monitoring.sparsity.forecast import Forecast, Size, forecast
from updates.models import Deployment, Recommender

# Of as many deployments: what a model was like long ago says little of how it grows now.
MOST_DEPLOYMENTS = 300
ALERT_BEFORE = timedelta(days=7)


class LimitState(StrEnum):
    """Where a model stands to its limit."""

    NONE = "no-limit"
    UNKNOWN = "unknown"
    EXCEEDED = "exceeded"
    REACHED = "reached"
    FAR = "not-within-a-year"


@dataclass(frozen=True)
class Memory:
    """Of one recommender.

    sizes : of what was live, oldest first, with what serving loads; saved : bytes of the files that
    learning goes on from, of the same. growth : None where they are too few to tell.
    """

    limit: int | None
    sizes: tuple[Size, ...]
    saved: tuple[int, ...]
    growth: Forecast | None

    @property
    def state(self) -> LimitState:
        """By the newest size, else by the forecast."""
        if self.limit is None:
            return LimitState.NONE
        if self.sizes and self.sizes[-1].bytes >= self.limit:
            return LimitState.EXCEEDED
        if self.growth is None:
            return LimitState.UNKNOWN
        return LimitState.FAR if self.reached_at is None else LimitState.REACHED

    @property
    def reached_at(self) -> datetime | None:
        """When the limit is expected to be reached; None where not within a year."""
        return _moment(self.growth and self.growth.reached)

    @property
    def earliest(self) -> datetime | None:
        """As early as that may be."""
        return _moment(self.growth and self.growth.earliest)

    @property
    def latest(self) -> datetime | None:
        """As late as that may be."""
        return _moment(self.growth and self.growth.latest)

    def alarming(self, now: datetime) -> bool:
        """Whether the limit is exceeded, or expected to be within days."""
        soon = self.reached_at is not None and self.reached_at <= now + ALERT_BEFORE
        return self.state == LimitState.EXCEEDED or (self.state == LimitState.REACHED and soon)


def memory(recommender: Recommender) -> Memory:
    """Of one recommender: one query."""
    rows = Deployment.objects.filter(recommender=recommender).values_list(
        "version__created_at",
        "version__next_offset",
        "version__sparsity__deployed_bytes",
        "version__artifact_bytes",
    )
    found = {  # a version that was live again is one, as old as it is
        created.timestamp(): (Size(created.timestamp(), next_offset - 1, deployed), saved)
        for created, next_offset, deployed, saved in rows[:MOST_DEPLOYMENTS]
        if deployed is not None
    }
    pairs = [found[at] for at in sorted(found)]
    sizes = tuple(size for size, _ in pairs)
    limit = recommender.memory_limit_bytes
    return Memory(limit, sizes, tuple(saved for _, saved in pairs), _forecast(sizes, limit))


# Resampling takes some 20 ms: done once for each new version and limit.
_forecast = lru_cache(maxsize=1024)(forecast)


def _moment(seconds: float | None) -> datetime | None:
    return (
        datetime.fromtimestamp(seconds, UTC) if seconds is not None and isfinite(seconds) else None
    )
