"""What a figure on a page is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One figure: the name of its column or field, and how it is computed."""

    key: str
    title: str
    definition: str
