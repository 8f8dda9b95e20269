"""Addresses of the fleet page."""

from typing import Any

from django import template

from monitoring.fleet_query import FleetQuery

register = template.Library()


@register.filter
def address(query: FleetQuery) -> str:
    """Where the page shows what is asked for."""
    return f"?{query}"


@register.simple_tag(takes_context=True)
def toggled(context: dict[str, Any], name: str, value: str) -> str:
    """The present address with that value of a filter; without it where it is chosen already."""
    return address(context["query"].toggled(name, value))
