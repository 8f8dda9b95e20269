"""The error budget of freshness: how long a recommender may be overdue, and how fast it gets there.

Of a window, ``1 − SLO`` is the budget. The burn rate is how many times as fast it is used as would
use it up just at the window's end; an alert takes a long and a short window that both burn, so that
it comes early and goes soon (Beyer et al., The Site Reliability Workbook, 2018, ch. 5).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import F, FloatField, Q, Sum

from monitoring import metrics
from monitoring.models import HourPoint, MinutePoint, RolledPoint
from monitoring.resolutions import HOUR, TEN_SECONDS
from updates.models import Recommender

WEEK, MONTH = timedelta(days=7), timedelta(days=30)
# Of both the rate must be as high: the long one makes sure that it matters, the short one that it
# still lasts.
FAST = (timedelta(hours=1), timedelta(minutes=5), 14.4)
SLOW = (timedelta(hours=6), timedelta(minutes=30), 6.0)
SHOWN = (WEEK, MONTH, FAST[0], SLOW[0])
# An hour's point is there so long after it has ended.
ROLLED_UP_WITHIN = timedelta(minutes=10)


@dataclass(frozen=True)
class Window:
    """What was measured in the time of that length that ends now.

    fresh_seconds : of state fresh or idle. known_seconds : in which anything was measured: not
    before the first version was live, nor while nothing ran that measures.
    """

    length: timedelta
    slo: float
    fresh_seconds: float
    known_seconds: float

    @property
    def seconds(self) -> float:
        """Its length."""
        return self.length.total_seconds()

    @property
    def fresh_share(self) -> float | None:
        """Of the known time; None where none is known."""
        return self.fresh_seconds / self.known_seconds if self.known_seconds else None

    @property
    def known_share(self) -> float:
        """How much of the window is known."""
        return min(1.0, self.known_seconds / self.seconds)

    @property
    def burn_rate(self) -> float:
        """How many times as fast the budget is used as would use it up at the window's end. Time
        that is not known uses none of it."""
        overdue = self.known_seconds - self.fresh_seconds
        return overdue / (self.seconds * (1 - self.slo))

    @property
    def budget_left(self) -> float:
        """Share of the window's budget that is left; below 0 where more was used."""
        return 1 - self.burn_rate


def windows(
    recommenders: Sequence[Recommender], lengths: Sequence[timedelta], now: datetime
) -> dict[int, list[Window]]:
    """By pk, those windows, in two queries.

    They end with the last minute that has been rolled up, a minute or two ago; what is older than
    the last hour or so is counted by whole hours.
    """
    slos = {r.pk: r.freshness_slo for r in recommenders}
    hours_end = HOUR.cell(int((now - ROLLED_UP_WITHIN).timestamp()))
    minutes = _sums(MinutePoint, list(slos), lengths, now, first=hours_end)
    hours = _sums(HourPoint, list(slos), lengths, now, stop=hours_end)
    return {
        pk: [
            Window(
                length,
                slo,
                fresh_seconds=minutes[pk][i][0] + hours[pk][i][0],
                known_seconds=minutes[pk][i][1] + hours[pk][i][1],
            )
            for i, length in enumerate(lengths)
        ]
        for pk, slo in slos.items()
    }


def _sums(
    points: type[RolledPoint],
    pks: list[int],
    lengths: Sequence[timedelta],
    now: datetime,
    *,
    first: int = 0,
    stop: int | None = None,
) -> dict[int, list[tuple[float, float]]]:
    """By pk, of each length the seconds that were fresh and that are known, of points from
    ``first`` to before ``stop``."""
    sums = {}
    for i, length in enumerate(lengths):
        within = Q(t__gte=(now - length).timestamp())
        sums[f"fresh{i}"] = Sum(
            F("value") * F("count"), filter=within, default=0.0, output_field=FloatField()
        )
        sums[f"known{i}"] = Sum("count", filter=within, default=0)
    begins = max(first, (now - max(lengths)).timestamp())
    rows = (
        points._default_manager.filter(
            series__recommender__in=pks,
            series__name=metrics.FRESH_SHARE,
            t__gte=begins,
            t__lt=now.timestamp() if stop is None else stop,
        )
        .values(pk_=F("series__recommender_id"))
        .annotate(**sums)
        .order_by()
    )
    found = {pk: [(0.0, 0.0)] * len(lengths) for pk in pks}
    for row in rows:
        found[row["pk_"]] = [
            (TEN_SECONDS.seconds * row[f"fresh{i}"], float(TEN_SECONDS.seconds * row[f"known{i}"]))
            for i in range(len(lengths))
        ]
    return found


def burning(recommenders: Sequence[Recommender], now: datetime) -> dict[int, tuple[Window, Window]]:
    """By pk, the long and the short window of those whose budget is used so fast that somebody must
    know."""
    found = {}
    lengths = [FAST[0], FAST[1], SLOW[0], SLOW[1]]
    for pk, (hour, minutes, six_hours, half_hour) in windows(recommenders, lengths, now).items():
        if min(hour.burn_rate, minutes.burn_rate) >= FAST[2]:
            found[pk] = hour, minutes
        elif min(six_hours.burn_rate, half_hour.burn_rate) >= SLOW[2]:
            found[pk] = six_hours, half_hour
    return found
