"""Two versions side by side: quality, sparsity, what they learned and what they cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from monitoring.templatetags.formats import (
    NOTHING,
    byte_count,
    ratio,
    share,
    signed,
    when,
    whole,
)
from updates.models import ModelVersion
from updates.words import duration as in_words

Show = Callable[[Any], str]

MINUS = "−"
# More ranges than this are said by their ends.
MOST_RANGES = 3


@dataclass(frozen=True)
class Row:
    """One figure of both, in words; ``figure`` is its key in ``monitoring.figures``.

    difference : b − a, "" where one of them is not known or there is none to tell.
    """

    figure: str
    a: str
    b: str
    difference: str = ""


@dataclass(frozen=True)
class Group:
    """Rows that belong together, with what to know before comparing them."""

    title: str
    rows: list[Row]
    note: str = ""


def compared(a: ModelVersion, b: ModelVersion) -> list[Group]:
    """What differs from version a to version b."""
    return [
        _quality(a, b),
        Group("Sparsity and size", _sparsity(a, b)),
        Group("What they learned", _learned(a, b)),
        Group("Cost of making them", _cost(a, b)),
    ]


def _quality(a: ModelVersion, b: ModelVersion) -> Group:
    of_a, of_b = (_judged(version) for version in (a, b))
    note = "Each on its own held-out samples: those differ too, so small differences tell nothing."
    if b.metrics.get("reference_version") == a.number:
        of_a = b.metrics["reference"]
        note = f"Both on the {of_b['samples']:,} held-out samples that judged version {b.number}."
    elif a.metrics.get("reference_version") == b.number:
        of_b = a.metrics["reference"]
        note = f"Both on the {of_a['samples']:,} held-out samples that judged version {a.number}."
    names = ("ne", "log_loss", "auc", "calibration")
    rows = [_row(name, of_a.get(name), of_b.get(name), ratio, signed) for name in names]
    return Group("Quality", rows, note)


def _judged(version: ModelVersion) -> dict[str, Any]:
    return version.metrics.get("candidate") or {}


def _sparsity(a: ModelVersion, b: ModelVersion) -> list[Row]:
    def row(figure: str, name: str, show: Show, differ: Show) -> Row:
        return _row(figure, a.sparsity.get(name), b.sparsity.get(name), show, differ)

    return [
        row("features-seen", "seen", whole, _more),
        row("with-parameters", "admitted", whole, _more),
        row("non-zero", "non_zero", whole, _more),
        row("tiny-share", "tiny_share", share, _more_share),
        row("deployed-bytes", "deployed_bytes", byte_count, _more_bytes),
        _row("artifact-bytes", a.artifact_bytes, b.artifact_bytes, byte_count, _more_bytes),
    ]


def _learned(a: ModelVersion, b: ModelVersion) -> list[Row]:
    return [
        Row("watermark", when(a.watermark), when(b.watermark), _later(a.watermark, b.watermark)),
        _row("next-offset", a.next_offset, b.next_offset, whole, _more),
        Row("learned-ranges", _ranges(a), _ranges(b)),
    ]


def _cost(a: ModelVersion, b: ModelVersion) -> list[Row]:
    runs = [getattr(version, "run", None) for version in (a, b)]

    def row(figure: str, name: str, show: Show, differ: Show) -> Row:
        return _row(figure, *(getattr(run, name, None) for run in runs), show, differ)

    return [
        Row("strategy", *(run.strategy if run else NOTHING for run in runs)),
        row("run-samples", "samples", whole, _more),
        row("cpu-seconds", "cpu_seconds", _seconds, _more_seconds),
        row("wall-seconds", "wall_seconds", _seconds, _more_seconds),
        row("peak-memory", "peak_memory_bytes", byte_count, _more_bytes),
    ]


def _row(figure: str, a: Any, b: Any, show: Show, differ: Show) -> Row:
    known = a is not None and b is not None
    return Row(figure, show(a), show(b), differ(b - a) if known else "")


def _with_sign(difference: float, words: str) -> str:
    return f"{MINUS if difference < 0 else '+'}{words}" if difference else "same"


def _more(difference: float) -> str:
    return _with_sign(difference, whole(abs(difference)))


def _more_share(difference: float) -> str:
    return _with_sign(round(difference, 4), f"{100 * abs(difference):.2f} points")


def _more_bytes(difference: float) -> str:
    return _with_sign(difference, byte_count(abs(difference)))


def _more_seconds(difference: float) -> str:
    return _with_sign(round(difference, 2), _seconds(abs(difference)))


def _seconds(seconds: float | None) -> str:
    return NOTHING if seconds is None else f"{seconds:,.2f} s"


def _later(a: datetime | None, b: datetime | None) -> str:
    if a is None or b is None:
        return ""
    if a == b:
        return "same"
    return f"{in_words((b - a).total_seconds())} {'later' if b > a else 'earlier'}"


def _ranges(version: ModelVersion) -> str:
    found = version.learned_ranges
    if len(found) > MOST_RANGES:
        ends = {"first_offset": found[0]["first_offset"], "last_offset": found[-1]["last_offset"]}
        return f"{_range(ends)} in {len(found):,} ranges"
    return ", ".join(_range(each) for each in found) or NOTHING


def _range(each: dict[str, Any]) -> str:
    return f"{each['first_offset']:,}–{each['last_offset']:,}"
