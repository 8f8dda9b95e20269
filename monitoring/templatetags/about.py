"""The (i) beside a figure, which says how it is computed."""

from __future__ import annotations

from typing import Any

from django import template

from monitoring.figures import FIGURES, TABLES

register = template.Library()


@register.inclusion_tag("monitoring/_figure.html")
def figure(key: str) -> dict[str, Any]:
    """The figure's name with its (i); the page must have ``abouts`` somewhere."""
    return {"figure": FIGURES[key]}


@register.inclusion_tag("monitoring/_about.html")
def about_column(name: str) -> dict[str, Any]:
    """The (i) of a column of the fleet, where it has a figure."""
    return {"figure": FIGURES.get(f"fleet-{name}") or FIGURES.get(name)}


@register.inclusion_tag("monitoring/_abouts.html")
def abouts() -> dict[str, Any]:
    """What the (i)s of a page open: outside what the page swaps, so that it stays open."""
    return {"figures": FIGURES.values(), "tables": TABLES}


@register.inclusion_tag("monitoring/_columns.html")
def columns(table: str) -> dict[str, Any]:
    """One (i) for all columns of a table, where its head is not shown: on a phone."""
    return {"table": table}
