"""How much memory live models take, and when they reach their limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from math import isfinite

from monitoring.sparsity.forecast import FEWEST, Forecast, Size, forecast
from updates.models import ModelVersion, Recommender

# Of as many: what a model was like long ago says little of how it grows now.
MOST_VERSIONS = 300
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
    versions = ModelVersion.objects.filter(
        recommender=recommender, deployments__isnull=False, sparsity__deployed_bytes__isnull=False
    )
    fields = ("created_at", "next_offset", "artifact_bytes", "sparsity", "components")
    newest = versions.distinct().order_by("-number").only(*fields)[:MOST_VERSIONS]
    live = list(newest)[::-1]
    sizes = tuple(
        Size(v.created_at.timestamp(), v.next_offset - 1, v.sparsity["deployed_bytes"])
        for v in live
    )
    limit = recommender.memory_limit_bytes
    growth = _forecast(sizes[_first_of_line(live) :], limit)
    return Memory(limit, sizes, tuple(v.artifact_bytes for v in live), growth)


def _first_of_line(versions: Sequence[ModelVersion]) -> int:
    """The first of the newest that grew out of one another: what is begun anew, over a window of
    its own, starts at another size. Where those are too few to tell, all count."""
    begun = [[part.get("begun_by") for part in version.components.values()] for version in versions]
    first = next((i for i in range(len(begun) - 1, 0, -1) if begun[i - 1] != begun[i]), 0)
    return first if len(versions) - first >= FEWEST else 0


# Resampling takes some 20 ms: done once for each new version and limit.
_forecast = lru_cache(maxsize=1024)(forecast)


def _moment(seconds: float | None) -> datetime | None:
    return (
        datetime.fromtimestamp(seconds, UTC) if seconds is not None and isfinite(seconds) else None
    )
