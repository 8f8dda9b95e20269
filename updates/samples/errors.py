"""What can be wrong with samples that a client sends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class RowError:
    """A refused row: its 0-based number in the request, the field at fault ("" for the whole row),
    and what is wrong with it.
    """

    row: int
    field: str
    error: str


class ParseError(ValueError):
    """A body that cannot be read as samples at all, or rows that are only of use together.

    errors : where single rows are at fault, one error each.
    """

    def __init__(self, problem: str, errors: Sequence[RowError] = ()) -> None:
        super().__init__(problem)
        self.errors = list(errors)


def got(value: Any) -> str:
    """A value as an error shows it: short, whatever came."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
