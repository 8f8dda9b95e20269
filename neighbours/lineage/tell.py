"""Events of runs are sent by OpenLineage's own transport, in order a run, until they are taken."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import Max

from neighbours.models import LineageRun, Neighbour, NeighbourName
from neighbours.outbox import Refused, Unreachable, notice, said, telling, until_late
from updates.models import UpdateRun
from updates.models.run import FINISHED

if TYPE_CHECKING:
    from openlineage.client import OpenLineageClient

logger = logging.getLogger(__name__)

TOLD_AT_ONCE = 200
# Answers that say nothing of what was sent.
OF_THE_SERVER = {401, 403, 408, 429}
CLOSING_SECONDS = 10.0


def tell_lineage(now: datetime) -> None:
    """Send what has happened since, for as long as one tick may take."""
    with telling(NeighbourName.OPENLINEAGE, now) as neighbour:
        if neighbour is None:
            return
        _notice(neighbour)
        rows = list(
            LineageRun.with_news()
            .filter(LineageRun.due(now))
            .select_related("run__recommender", "run__policy")[:TOLD_AT_ONCE]
        )
        if not rows:
            return
        with _client() as lineage:
            for row in until_late(rows):
                _tell(row, lineage)
                neighbour.answered()


def waiting() -> int:
    """Runs with moves that have not been told."""
    noticed = Neighbour.objects.filter(pk=NeighbourName.OPENLINEAGE).values_list("noticed_to")
    first = noticed.first()
    if first is None or first[0] is None:
        return 0
    unnoticed = UpdateRun.objects.filter(lineage=None, pk__gt=first[0])
    return unnoticed.count() + LineageRun.with_news().count()


def _notice(neighbour: Neighbour) -> None:
    """From its first time on: what had ended before is not told."""
    if neighbour.noticed_to is None:
        oldest = UpdateRun.objects.active().order_by("pk").values_list("pk", flat=True).first()
        newest = UpdateRun.objects.aggregate(newest=Max("pk"))["newest"] or 0
        neighbour.note(noticed_to=newest if oldest is None else oldest - 1)
    notice(
        neighbour,
        UpdateRun.objects.filter(lineage=None),
        "queued_at",
        lambda runs: LineageRun.objects.bulk_create(
            [LineageRun(run=run) for run in runs], ignore_conflicts=True
        ),
    )


@contextmanager
def _client() -> Iterator[OpenLineageClient]:
    """Raises Unreachable."""
    try:
        from openlineage.client import OpenLineageClient
        from openlineage.client.transport.http import HttpTransport
        from openlineage.client.transport.http_common import DEFAULT_RETRY_CONFIG

        lineage = OpenLineageClient()
    except Exception as error:
        raise Unreachable(f"{type(error).__name__}: {said(error)}") from None
    transport = lineage.transport
    if isinstance(transport, HttpTransport) and transport.config.retry == DEFAULT_RETRY_CONFIG:
        # The outbox does that, without holding a worker up.
        transport.config.retry = {"total": 0}
    try:
        yield lineage
    finally:
        lineage.close(CLOSING_SECONDS)


def _tell(row: LineageRun, lineage: OpenLineageClient) -> None:
    """Raises Unreachable. An event that is sent again, since nobody noted that it was, is the same
    event of the same run."""
    from neighbours.lineage.events import events

    try:
        for move in row.run.transitions.filter(pk__gt=row.told_to).order_by("pk"):
            for event in events(row.run, move):
                _send(event, lineage)
            row.note(
                told_to=move.pk,
                ended=move.to_state in FINISHED,
                failures=0,
                retry_at=None,
                error="",
            )
    except Refused as error:
        logger.warning("%s is refused: %s", row, error)
        row.refused(str(error))


def _send(event: object, lineage: OpenLineageClient) -> None:
    try:
        lineage.emit(event)
    except Exception as error:
        answer = getattr(error, "response", None)
        status = getattr(answer, "status_code", 0)
        why = f"{type(error).__name__}: {said(error)}"
        if 400 <= status < 500 and status not in OF_THE_SERVER:
            raise Refused(why) from None
        raise Unreachable(why) from None
