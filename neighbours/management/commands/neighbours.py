"""Print how telling the neighbours goes."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from neighbours.models import NeighbourName
from neighbours.report import Told, report


class Command(BaseCommand):
    help = "Prints which other systems are told of what happens here, and what stands in the way."

    def handle(self, *args: Any, **options: Any) -> None:
        for told in report():
            self.stdout.write(f"{NeighbourName(told.name).label}: {_said(told)}")


def _said(told: Told) -> str:
    if not told.enabled:
        return "not set up (docs/neighbours.md)."
    last = f"last told at {told.told_at:%Y-%m-%d %H:%M:%S} UTC" if told.told_at else "never told"
    said = f"{last}; {told.waiting:,} wait, {told.refused:,} are refused."
    if told.failures:
        said += f" {told.failures} failures in a row, again at {told.retry_at:%H:%M:%S} UTC."
    return f"{said} {told.error}".rstrip()
