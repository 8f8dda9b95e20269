"""Roll points up into those of longer cells, in the background.

Each write names the cells that it touched (``PendingCell``). A run takes the cells that are over,
computes each anew from its finer points and replaces what it was before, and only then deletes the
names that it had seen before it began. So it may be killed anywhere and run twice, or two at once:
what is left is done again, to the same effect. Points that come late are rolled up as others are.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby, pairwise

from django.db import transaction

from monitoring.cells import rolled_up, store, stored
from monitoring.metrics import METRICS, Aggregate
from monitoring.models import PendingCell, Retention, Series
from monitoring.resolutions import RESOLUTIONS, Resolution
from monitoring.slices import slices

# Points of a minute come a little after it: learning lag is recorded up to 20 seconds late.
SETTLES_IN_SECONDS = 30
# Finer points read in one transaction: SQLite has one writer, and the others wait for it.
MOST_ROWS = 10_000
# Cells that are taken together where many wait.
MOST_CELLS = 60
# A run that has much to catch up with leaves the rest to the next.
LONGEST_RUN_SECONDS = 40


def roll_up(now: datetime) -> None:
    """Bring the coarser resolutions up to the points recorded, in cells that were over by then."""
    ends = time.monotonic() + LONGEST_RUN_SECONDS
    for finer, resolution in pairwise(RESOLUTIONS):
        Retention.objects.get_or_create(seconds=finer.seconds)
        for span in _pending(resolution, now):
            _roll_up(resolution, finer, span)
            if time.monotonic() > ends:
                return


def add_pending(resolution: Resolution, times: Iterable[int]) -> None:
    """Say that the cells that have these times are to be rolled up; in the writer's transaction."""
    cells = sorted({resolution.cell(t) for t in times})
    PendingCell.objects.bulk_create(PendingCell(seconds=resolution.seconds, t=t) for t in cells)


def _pending(resolution: Resolution, now: datetime) -> Iterator[range]:
    """Times from the first of some cells that are over to the last, oldest first."""
    over = int(now.timestamp()) - SETTLES_IN_SECONDS - resolution.seconds
    waiting = PendingCell.objects.filter(seconds=resolution.seconds, t__lte=over)
    times = list(waiting.order_by("t").values_list("t", flat=True).distinct())
    for _, group in groupby(times, lambda t: t // (resolution.seconds * MOST_CELLS)):
        cells = list(group)
        yield range(cells[0], cells[-1] + resolution.seconds)


def _roll_up(resolution: Resolution, finer: Resolution, span: range) -> None:
    pending = PendingCell.objects.filter(
        seconds=resolution.seconds, t__gte=span.start, t__lt=span.stop
    )
    # Read first: the points of all that are seen now are seen below. Those that come later stay.
    seen = list(pending.values_list("pk", "t"))
    at_once = max(1, MOST_ROWS * finer.seconds // len(span))
    for how, series in _series_by_aggregate().items():
        for some in slices(series, at_once):
            _replace(resolution, finer, how, some, span)
    with transaction.atomic():
        for coarser in RESOLUTIONS:
            if coarser.finer is resolution:
                add_pending(coarser, (t for _, t in seen))
        for some in slices([pk for pk, _ in seen], MOST_ROWS):
            PendingCell.objects.filter(pk__in=some).delete()


def _replace(
    resolution: Resolution, finer: Resolution, how: Aggregate, series: Sequence[int], span: range
) -> None:
    with transaction.atomic():
        # One at a time: a slower run must not put an older state over a newer one.
        kept = Retention.objects.select_for_update().get(seconds=finer.seconds)
        first = max(span.start, kept.kept_from)
        points = stored(finer, series__in=series, t__gte=first, t__lt=span.stop)
        cells = rolled_up(points, resolution.seconds, how)
        store(resolution, zip(*(column.tolist() for column in cells), strict=True))


def _series_by_aggregate() -> dict[Aggregate, list[int]]:
    found = defaultdict(list)
    known = Series.objects.filter(name__in=METRICS).order_by("pk")
    for pk, name in known.values_list("pk", "name"):
        found[METRICS[name].aggregate].append(pk)
    return found
