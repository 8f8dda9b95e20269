"""Numbers and cadences in words, the same on every page. static/monitoring/format.js follows it."""

from __future__ import annotations

from cron_descriptor import FormatError, get_description

from updates.cadence import Cadence, Trigger

MINUTE, HOUR, DAY = 60, 3600, 86_400


def duration(seconds: float) -> str:
    """Two units at most: 45 s, 2 min 05 s, 3 h 12 min, 5 d 3 h."""
    whole = round(abs(seconds))
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return _two(whole, MINUTE, "min", 1, "s")
    if whole < DAY:
        return _two(whole, HOUR, "h", MINUTE, "min")
    return _two(whole, DAY, "d", HOUR, "h")


def _two(whole: int, large: int, large_name: str, small: int, small_name: str) -> str:
    first, rest = divmod(whole, large)
    second = rest // small
    return f"{first} {large_name} {second:02} {small_name}" if second else f"{first} {large_name}"


def cadence(value: Cadence) -> str:
    """When it fires, as a phrase."""
    if value.trigger is Trigger.INTERVAL:
        return f"every {duration(value.interval_seconds or 0)}"
    if value.trigger is Trigger.CRON:
        return _cron(value)
    if value.trigger is Trigger.SAMPLES:
        return f"every {value.every_samples:,} new samples"
    if value.trigger is Trigger.STALENESS:
        return "before the freshness objective is missed"
    return "only when asked"


def _cron(value: Cadence) -> str:
    try:
        phrase = get_description(value.cron)
    except (FormatError, ValueError):
        phrase = value.cron
    return f"{phrase[:1].lower()}{phrase[1:]} ({value.timezone})"
