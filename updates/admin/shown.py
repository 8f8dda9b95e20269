"""How values look in the admin."""

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html


def moment(value: datetime | None) -> str:
    """As ``recadmin.formats`` shows times, but in the zone that it comes in."""
    return f"{value:%a %d %b %Y %H:%M:%S %Z}" if value else "–"


def link(row: Model | None) -> str:
    """The row's name as a link to its page in the admin."""
    if row is None:
        return "–"
    address = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    return format_html('<a href="{}">{}</a>', address, row)


def linked(name: str, description: str = "") -> Callable[[Any], str]:
    """A column that links to the row which the field ``name`` points at."""

    @admin.display(description=description or name.replace("_", " "), ordering=name)
    def column(row: Model) -> str:
        return link(getattr(row, name))

    return column


def pretty_json(name: str) -> Callable[[Any], str]:
    """A JSON field, indented to be read."""

    @admin.display(description=name.replace("_", " "))
    def column(row: Model) -> str:
        text = json.dumps(getattr(row, name), indent=2, ensure_ascii=False, default=str)
        return format_html('<pre class="json">{}</pre>', text)

    return column
