"""Say in words when a policy would fire, when next, and what is odd about it. Changes nothing."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

from updates import words
from updates.cadence import Cadence, Trigger
from updates.models import UpdatePolicy
from updates.models.policy import Strategy

FIRES = 10
# Enough of a cron expression to meet its widest gap: a weekend, the days between two firsts.
GAPS_LOOKED_AT = 100
# What each trigger goes by; the other fields of a cadence are not read.
READS = {
    Trigger.INTERVAL: ("interval_seconds",),
    Trigger.CRON: ("cron", "timezone"),
    Trigger.SAMPLES: ("every_samples",),
    Trigger.DRIFT: ("rest_seconds",),
    Trigger.STALENESS: ("max_ne_degradation",),
    Trigger.MANUAL: (),
    Trigger.CONTINUOUS: (),
}


@dataclass(frozen=True)
class CadencePreview:
    """What a cadence means: its words, next fires in UTC, questions, and fields it won't read."""

    words: str
    timezone: str
    fires: list[datetime]
    questions: list[str]
    unread: list[str]

    @property
    def local_fires(self) -> list[tuple[datetime, datetime]]:
        """Each fire in the policy's time zone and in UTC."""
        zone = ZoneInfo(self.timezone)
        return [(fire.astimezone(zone), fire) for fire in self.fires]


def preview_cadence(policy: UpdatePolicy, now: datetime) -> CadencePreview:
    """What the policy's cadence, saved or not, would mean from now on. Raises CadenceError.

    The fires are those that ``change_cadence`` would put it on: intervals count on from its last
    fire, and none lies in the past.
    """
    cadence = policy.cadence
    cadence.validate()
    following = cadence.next_fire(last=policy.last_due_at or now, after=now)
    return CadencePreview(
        words=words.cadence(cadence),
        timezone=cadence.timezone if cadence.trigger is Trigger.CRON else "UTC",
        fires=cadence.preview(following, FIRES),
        questions=window_questions(policy, now),
        unread=unread_fields(cadence),
    )


def window_questions(policy: UpdatePolicy, now: datetime) -> list[str]:
    """Where a full update's window is shorter than the time between two of them."""
    cadence, window = policy.cadence, policy.window_seconds
    if policy.strategy != Strategy.FULL or not window or not cadence.timed:
        return []
    gap = _widest_gap(cadence, now)
    if window >= gap:
        return []
    return [
        f"The window covers {_span(window)} of a {_span(gap)} cadence: "
        f"{_span(gap - window)} of samples are never trained on by this policy. Is that meant?"
    ]


def unread_fields(cadence: Cadence) -> list[str]:
    """Fields of the cadence that say something which its trigger does not read."""
    said = {
        "interval_seconds": cadence.interval_seconds,
        "cron": cadence.cron,
        "every_samples": cadence.every_samples,
        "rest_seconds": cadence.rest_seconds,
        "max_ne_degradation": cadence.max_ne_degradation,
    }
    return [name for name, value in said.items() if value and name not in READS[cadence.trigger]]


def _widest_gap(cadence: Cadence, now: datetime) -> int:
    fires = islice(cadence.fires(last=now, after=now), GAPS_LOOKED_AT)
    gaps = [later - earlier for earlier, later in pairwise(fires)]
    return int(max(gaps, default=timedelta()).total_seconds())


def _span(seconds: int) -> str:
    """Whole hours up to three days as hours, so that a window and a cadence compare at sight."""
    if seconds % words.HOUR == 0 and seconds <= 3 * words.DAY:
        return f"{seconds // words.HOUR} h"
    return words.duration(seconds)
