"""How telling the neighbours goes: what waits, when they last answered, what stands in the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import connection
from django.utils import timezone

from neighbours.lineage import tell
from neighbours.mlflow import mirror
from neighbours.models import LineageRun, MirroredAlias, MirroredVersion, Neighbour, NeighbourName
from recadmin.checks import Finding, Findings
from updates.words import duration


@dataclass(frozen=True)
class Told:
    """One neighbour.

    waiting : versions, aliases or runs that it has not been told of. refused : of these, those that
    it has answered it will not have. error : the last one, empty where all went well since.
    """

    name: str
    enabled: bool
    waiting: int
    refused: int
    told_at: datetime | None
    failures: int
    failed_at: datetime | None
    retry_at: datetime | None
    error: str


def report() -> list[Told]:
    """One a neighbour, enabled or not."""
    refused = {
        NeighbourName.MLFLOW: [
            MirroredVersion.objects.exclude(error=""),
            MirroredAlias.objects.exclude(error=""),
        ],
        NeighbourName.OPENLINEAGE: [LineageRun.objects.filter(ended=False).exclude(error="")],
    }
    return [_told(name, enabled(), waiting, refused[name]) for name, enabled, waiting in _KNOWN]


_KNOWN: list[tuple[NeighbourName, Callable[[], bool], Callable[[], int]]] = [
    (NeighbourName.MLFLOW, lambda: bool(settings.MLFLOW_TRACKING_URI), mirror.waiting),
    (NeighbourName.OPENLINEAGE, lambda: settings.OPENLINEAGE, tell.waiting),
]


def _told(name: NeighbourName, enabled: bool, waiting: Callable[[], int], refused: list) -> Told:
    row = Neighbour.objects.filter(pk=name).first() or Neighbour(name=name)
    errors = [error for rows in refused for error in rows.values_list("error", flat=True)[:1]]
    return Told(
        name,
        enabled,
        waiting() if enabled else 0,
        sum(rows.count() for rows in refused),
        row.told_at,
        row.failures,
        row.failed_at,
        row.retry_at,
        row.error or next(iter(errors), ""),
    )


def findings() -> Findings:
    """For /readyz and the page of the workers: whether each that is enabled answers."""
    return {told.name: _finding(told) for told in report() if told.enabled}


def asked() -> Findings:
    """The findings, for a thread that asks for nothing else of the database."""
    try:
        return findings()
    finally:
        connection.close()


def _finding(told: Told) -> Finding:
    label = NeighbourName(told.name).label
    todo = "See “python manage.py neighbours”."
    if told.failures:
        heard = (
            f"it last did {duration((timezone.now() - told.told_at).total_seconds())} ago"
            if told.told_at
            else "it never did"
        )
        said = f"{label} does not take what it is told ({heard}): {told.waiting:,} wait."
        return Finding(False, said, todo, told.told_at)
    if told.refused:
        return Finding(False, f"{label} refuses {told.refused:,} of what it is told.", todo)
    return Finding(True, f"{label} is told what happens: {told.waiting:,} wait.")
