"""The age of a model against its objective, as the positions of a drawn bar."""

from __future__ import annotations

from dataclasses import dataclass

from monitoring.freshness import Freshness

# The bar goes on past objective + grace by this much, to show how far beyond a stale model is.
ROOM = 1.25


@dataclass(frozen=True)
class AgeBar:
    """Positions in percent of the bar's width; ``beyond`` means that the age does not fit."""

    age: float
    objective: float
    limit: float
    beyond: bool

    @property
    def grace_width(self) -> float:
        """Width of the part in which a model counts as aging."""
        return round(self.limit - self.objective, 2)

    @classmethod
    def of(cls, fresh: Freshness) -> AgeBar:
        """The bar of a freshness; an unknown age has no length."""
        limit_seconds = fresh.objective_seconds + fresh.grace_seconds
        scale = 100 / (limit_seconds * ROOM)
        age = (fresh.age_seconds or 0) * scale
        return cls(
            age=round(min(age, 100), 2),
            objective=round(fresh.objective_seconds * scale, 2),
            limit=round(limit_seconds * scale, 2),
            beyond=age > 100,
        )
