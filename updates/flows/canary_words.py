"""What a canary has shown, in sentences with its numbers."""

from __future__ import annotations

from django.utils import timezone

from updates.metrics import Quality
from updates.models import Canary
from updates.words import duration, percent


def to_whom(share: float) -> str:
    """Whom it answers."""
    return f"answering {percent(share)} of the users" if share else "answering nobody"


def account(canary: Canary) -> str:
    """What it answered, what judged it, and what it has not learned."""
    seconds = ((canary.ended_at or timezone.now()) - canary.began_at).total_seconds()
    return f"{_answered(canary, seconds)} {_judged(canary)} {_missed(canary)}"


def _answered(canary: Canary, seconds: float) -> str:
    if not canary.share:
        return f"In {duration(seconds)} it answered nobody."
    named = canary.scored_users is not None
    users = f" of {_count(canary.scored_users or 0, 'user')}" if named else ""
    requests = _count(canary.scored_requests, "request")
    return (
        f"In {duration(seconds)} it answered {requests}{users}, "
        f"with a share of {percent(canary.share)}."
    )


def _judged(canary: Canary) -> str:
    found = canary.metrics
    if not found:
        return "Nothing judged it."
    quality = Quality(**found["candidate"])
    if not quality.judgeable or found["ne_gain"] is None:
        rarer = f"{quality.of_rarer_label:,} of the rarer label"
        return f"{_count(quality.samples, 'sample')}, {rarer}, are too few to judge it."
    interval = found["ne_gain_interval"]
    noise = f" (95 %: {_signed(interval[0])} to {_signed(interval[1])})" if interval else ""
    return (
        f"On {quality.samples:,} samples that arrived its NE was {quality.ne:.4f}, against "
        f"{found['reference']['ne']:.4f} of version {canary.live.number}: "
        f"a gain of {_signed(found['ne_gain'])}{noise}."
    )


def _missed(canary: Canary) -> str:
    arrived = canary.judged_through - canary.first_offset + 1
    if not arrived:
        return "Nothing that it has not learned had arrived when it was last judged."
    have = "has" if arrived == 1 else "have"
    return f"{_count(arrived, 'sample')} that it has not learned {have} arrived meanwhile."


def _signed(difference: float) -> str:
    return f"{difference:+.4f}".replace("-", "−")


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
