"""Durations and cadences in words, the same behind every door."""

from __future__ import annotations

from typing import Any

from cron_descriptor import FormatError, MissingFieldError, Options, get_description

from updates.cadence import Cadence, Trigger

MINUTE, HOUR, DAY = 60, 3600, 86_400


def duration(seconds: float) -> str:
    """Two units at most: 45 s, 2 min 05 s, 3 h 12 min, 5 d 03 h."""
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


def percent(share: float) -> str:
    """A share of one, as exactly as it was entered: 1.5 %."""
    return f"{round(100 * share, 4):g} %"


def sentence(text: str) -> str:
    """Beginning with a capital and ending with a full stop, unless it ends otherwise."""
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."


def cadence(value: Cadence) -> str:
    """When it fires, as a phrase that a sentence may go on with."""
    if value.trigger is Trigger.INTERVAL:
        return f"every {duration(value.interval_seconds or 0)}"
    if value.trigger is Trigger.CRON:
        return _cron(value)
    if value.trigger is Trigger.SAMPLES:
        return f"every {value.every_samples or 0:,} new samples"
    if value.trigger is Trigger.DRIFT:
        return f"when a drift alarm begins, at most once in {duration(value.rest_seconds or 0)}"
    if value.trigger is Trigger.STALENESS:
        return f"before the freshness objective is missed{_or_degraded(value)}"
    return "always" if value.trigger is Trigger.CONTINUOUS else "only when asked"


def _or_degraded(value: Cadence) -> str:
    if value.max_ne_degradation is None:
        return ""
    return f", or once NE is {percent(value.max_ne_degradation)} worse than after promotion"


def _cron(value: Cadence) -> str:
    options = Options()
    options.use_24hour_time_format = True
    try:
        phrase = get_description(value.cron, options)
    except (FormatError, MissingFieldError, ValueError):
        phrase = value.cron
    return f"{phrase[:1].lower()}{phrase[1:]} ({value.timezone})"


def cadence_from_json(value: dict[str, Any]) -> str:
    """The same for ``Cadence.to_json``, as kept in receipts."""
    return cadence(Cadence(**value | {"trigger": Trigger(value["trigger"])}))
