"""What can be wrong with samples that a client sends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


class ParseError(ValueError):
    """A body that cannot be read as samples at all; says why."""


@dataclass(frozen=True)
class RowError:
    """A refused row: its 0-based number in the request, the field at fault ("" for the whole row),
    and what is wrong with it.
    """

    row: int
    field: str
    error: str


def got(value: Any) -> str:
    """A value as an error shows it: short, whatever came."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
