"""A line as small as a word."""

from __future__ import annotations

from dataclasses import dataclass

WIDTH, HEIGHT = 96, 24
MARGIN = 2


@dataclass(frozen=True)
class Sparkline:
    """Values, oldest first, as the points of an SVG polyline in a WIDTH × HEIGHT box."""

    values: list[float]
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def last(self) -> float | None:
        """The newest value."""
        return self.values[-1] if self.values else None

    @property
    def points(self) -> str:
        """ "x,y x,y …"; empty with fewer than two values. The smallest value lies at the bottom."""
        if len(self.values) < 2:
            return ""
        low, high = min(self.values), max(self.values)
        step = (self.width - 2 * MARGIN) / (len(self.values) - 1)
        span = (high - low) or 1
        rise = self.height - 2 * MARGIN
        return " ".join(
            f"{MARGIN + i * step:.1f},{self.height - MARGIN - (v - low) / span * rise:.1f}"
            for i, v in enumerate(self.values)
        )
