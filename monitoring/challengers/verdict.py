"""What a comparison says, in a sentence with its numbers."""

from __future__ import annotations

from enum import StrEnum

from monitoring.challengers.sums import Sums
from updates.metrics import MIN_OF_EACH_LABEL, MIN_SAMPLES, LossDifference


class Verdict(StrEnum):
    """How the challenger does against its champion."""

    AHEAD = "ahead"
    BEHIND = "behind"
    ALIKE = "not told apart"
    TOO_FEW = "too few samples"


VERDICTS = [str(verdict) for verdict in Verdict]


def verdict(sums: Sums) -> Verdict:
    """With 99 % confidence, as guardrails judge: it is looked at again and again, and of intervals
    of 95 % one look in twenty would be wrong."""
    if not sums.judgeable:
        return Verdict.TOO_FEW
    difference = sums.difference
    if not difference.beyond_noise:
        return Verdict.ALIKE
    return Verdict.AHEAD if difference.mean < 0 else Verdict.BEHIND


def sentence(sums: Sums) -> str:
    """The verdict with the numbers that it rests on."""
    found, samples = verdict(sums), f"{sums.samples:,} samples"
    if found == Verdict.TOO_FEW:
        rarer = min(sums.positives, sums.samples - sums.positives)
        return (
            f"Too few samples to tell: {samples} that both predicted before they learned them, "
            f"{rarer:,} of the rarer label; it takes {MIN_SAMPLES} and {MIN_OF_EACH_LABEL}."
        )
    difference = sums.difference
    if found == Verdict.ALIKE:
        return f"Not told apart on {samples}: NE differs by {_signed(difference)}."
    by = f"{abs(difference.ne_increase):.4f} NE ({_interval(difference)})"
    nes = f"{sums.challenger_ne:.4f} against {sums.champion_ne:.4f}"
    return f"{found.capitalize()} by {by} on {samples}: {nes}."


def _signed(difference: LossDifference) -> str:
    return f"{_number(difference.ne_increase)} ({_interval(difference)})"


def _interval(difference: LossDifference) -> str:
    interval = difference.ne_increase_interval
    if interval is None:
        return "its noise is unknown"
    low, high = map(_number, interval)
    return f"difference {low} to {high} with 95 % confidence"


def _number(difference: float) -> str:
    return f"{difference:+.4f}".replace("-", "−")
