"""At which widths of the time grid series are kept, and for how long."""

from __future__ import annotations

from dataclasses import dataclass

from monitoring.models import HourPoint, MinutePoint, SeriesPoint, TenSecondPoint

DAY = 86_400


@dataclass(frozen=True)
class Resolution:
    """One width of the time grid.

    seconds : the width. kept_seconds : how long its points are kept, None for ever.
    points : their table. finer : what its points are rolled up from, None for what is recorded.
    """

    seconds: int
    kept_seconds: int | None
    points: type[SeriesPoint]
    finer: Resolution | None

    def cell(self, t: int) -> int:
        """Start of the cell that has the time, both in seconds since 1970 in UTC."""
        return t // self.seconds * self.seconds

    def cell_from(self, t: int) -> int:
        """Start of the first cell that begins at the time or after it."""
        return self.cell(t + self.seconds - 1)


TEN_SECONDS = Resolution(10, 2 * DAY, TenSecondPoint, finer=None)
MINUTE = Resolution(60, 30 * DAY, MinutePoint, finer=TEN_SECONDS)
HOUR = Resolution(3600, None, HourPoint, finer=MINUTE)
RESOLUTIONS = (TEN_SECONDS, MINUTE, HOUR)
