"""When a policy fires: pure arithmetic on times, no database.

Timed cadences (interval, cron) give their next fire from the last one. The others have no next
time: for samples and staleness the tick looks at the log, for drift whoever watches the samples
tells (``flows.drifted``), manual waits to be asked. A continuous one never rests: whenever nothing
runs for it, it begins.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError

# Of a cron expression's fires missed while the machine was down: a week of one a minute.
MOST_COUNTED = 10_000


class Trigger(enum.StrEnum):
    INTERVAL = "interval"
    CRON = "cron"
    SAMPLES = "samples"
    DRIFT = "drift"
    STALENESS = "staleness"
    MANUAL = "manual"
    CONTINUOUS = "continuous"


TIMED = (Trigger.INTERVAL, Trigger.CRON)


class CadenceError(ValueError):
    """A cadence that cannot be; names the field that is wrong."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field


@dataclass(frozen=True)
class Cadence:
    """A trigger and what it needs.

    rest_seconds : of drift, from one fire to the next at least. max_ne_degradation : of staleness,
    the share by which NE may grow worse than it was after promotion; None: it is not looked at.
    """

    trigger: Trigger
    interval_seconds: int | None = None
    cron: str = ""
    timezone: str = "UTC"
    every_samples: int | None = None
    rest_seconds: int | None = None
    max_ne_degradation: float | None = None

    def validate(self) -> None:
        """Raises CadenceError where the trigger's own field is missing or senseless."""
        if self.trigger is Trigger.INTERVAL and not self.interval_seconds:
            raise CadenceError("interval_seconds", "An interval of at least 1 second is needed.")
        if self.trigger is Trigger.SAMPLES and not self.every_samples:
            raise CadenceError("every_samples", "A number of samples of at least 1 is needed.")
        if self.trigger is Trigger.DRIFT and not self.rest_seconds:
            raise CadenceError("rest_seconds", "A rest of at least 60 seconds is needed.")
        if self.trigger is Trigger.CRON:
            self._validate_cron()

    def _validate_cron(self) -> None:
        try:
            zone = ZoneInfo(self.timezone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise CadenceError("timezone", f"“{self.timezone}” is no time zone.") from error
        try:
            next(CronSim(self.cron, datetime.now(zone)))
        except CronSimError as error:
            raise CadenceError("cron", f"“{self.cron}” is no cron expression: {error}.") from error
        except StopIteration:
            raise CadenceError("cron", f"“{self.cron}” never comes.") from None

    @property
    def timed(self) -> bool:
        """Whether its fires are known in advance."""
        return self.trigger in TIMED

    def first_fire(self, now: datetime) -> datetime | None:
        """The first fire of a schedule that begins now, always after now; None if not timed."""
        return next(self.fires(last=now, after=now), None)

    def next_fire(self, last: datetime, after: datetime) -> datetime | None:
        """The first fire after ``after`` of a schedule that last fired at ``last``.

        Fires missed in between are not made up for: they coalesce into the one being claimed.
        """
        return next(self.fires(last=last, after=after), None)

    def missed(self, due: datetime, now: datetime) -> int:
        """How many fires fell due after ``due`` up to ``now``; they are answered by that one."""
        if self.trigger is Trigger.INTERVAL and self.interval_seconds:
            return max(0, (now - due) // timedelta(seconds=self.interval_seconds))
        later = takewhile(lambda fire: fire <= now, self.fires(last=due, after=due))
        return sum(1 for _ in islice(later, MOST_COUNTED))

    def preview(self, next_due: datetime | None, count: int = 10) -> list[datetime]:
        """The next fires, from the one that is due."""
        if next_due is None or not self.timed:
            return []
        return [next_due, *islice(self.fires(last=next_due, after=next_due), count - 1)]

    def fires(self, last: datetime, after: datetime) -> Iterator[datetime]:
        """Fires after ``after``, in UTC; intervals count from ``last``, cron from the calendar."""
        if self.trigger is Trigger.INTERVAL and self.interval_seconds:
            step = timedelta(seconds=self.interval_seconds)
            fire = last + step * max(1, (after - last) // step + 1)
            while True:
                yield fire
                fire += step
        if self.trigger is Trigger.CRON:
            for local in CronSim(self.cron, after.astimezone(ZoneInfo(self.timezone))):
                yield local.astimezone(UTC)

    def to_json(self) -> dict[str, Any]:
        """As shown by the API and kept in receipts."""
        return asdict(self)
