"""A measurement over time as CSV, for spreadsheets and notebooks."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.utils.text import slugify
from rest_framework.renderers import BaseRenderer, JSONRenderer


class CsvRenderer(BaseRenderer):
    """``Accept: text/csv`` or ``?format=csv``: a header with the unit, then a row a point."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(
        self,
        data: Mapping[str, Any],
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Times in UTC, at the beginning of what a point stands for; problems stay JSON."""
        if renderer_context and renderer_context["response"].exception:
            return JSONRenderer().render(data)
        out = io.StringIO()
        rows = csv.writer(out)
        rows.writerow(["time (UTC)", _column(data)])
        rows.writerows((_utc(milliseconds), value) for milliseconds, value in data["points"])
        return out.getvalue().encode(self.charset)


def file_name(slug: str, metric: str, label: str, start: datetime, end: datetime) -> str:
    """Name of the file: whose points of what, from when to when in UTC."""
    series = f"{metric}-{slugify(label)}" if label else metric
    span = "-".join(f"{t.astimezone(UTC):%Y%m%dT%H%M%SZ}" for t in (start, end))
    return f"{slug}-{series}-{span}.csv"


def _column(data: Mapping[str, Any]) -> str:
    return f"{data['name']} ({data['unit']})" if data["unit"] else data["name"]


def _utc(milliseconds: float) -> str:
    return f"{datetime.fromtimestamp(milliseconds / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
