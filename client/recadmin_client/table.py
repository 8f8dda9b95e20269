"""Text tables and times as people read them."""

from __future__ import annotations

from collections.abc import Sequence

NOTHING = "–"
UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"))


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as they need to be, the head first."""
    lines = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = (
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True))
        for line in lines
    )
    return "\n".join(line.rstrip() for line in padded)


def duration(seconds: float | None) -> str:
    """Seconds in the largest unit of which there is one: ``90`` → ``1.5 min``."""
    if seconds is None:
        return NOTHING
    for size, unit in UNITS:
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def count(number: int | None) -> str:
    """With separators: ``1,234``."""
    return NOTHING if number is None else f"{number:,}"


def version(number: int | None) -> str:
    """``v12``."""
    return NOTHING if number is None else f"v{number}"
