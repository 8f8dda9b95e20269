"""Sketches made again where something else is quarantined now than when they were made.

Each range says what it has left out, so that whatever dies in between, or comes in between, what is
due is seen by comparing that with what is quarantined.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
from django.db import transaction

from monitoring.drift.batches import merge_into
from monitoring.drift.compare import Sketch
from monitoring.models import SketchedRange
from monitoring.sketches import CELL_MS, COARSER, MOST_ROWS, pieces, sketched, write
from updates.models import ModelVersion, Quarantine, Recommender
from updates.samples.batches import OFFSET, from_ms
from updates.samples.log import SampleLog
from updates.samples.offsets import Range, clip, union
from updates.samples.schema import ARRIVED_AT


@dataclass
class _Part:
    """What of a range is of one cell of time, up to an offset."""

    cell: int
    last_offset: int
    starts_at: datetime
    ends_at: datetime
    sketches: dict[str, Sketch]


def ever_quarantined() -> set[int]:
    """Ids of the owners of logs of which samples are or were quarantined."""
    return set(Quarantine.objects.values_list("recommender_id", flat=True).distinct())


def sketch_again(recommender: Recommender, now: datetime) -> int:
    """Have sketches count what is not quarantined, and nothing else; returns how many ranges were
    made again, the newest first, of some 200,000 offsets. Raises as ``SampleLog.read``.
    """
    log, offsets, done = SampleLog(recommender), 0, 0
    for each in _outdated(recommender, log.left_out):
        if offsets >= MOST_ROWS:
            break
        offsets += each.last_offset - each.first_offset + 1
        done += _replace(each, _parts(each, log, _width_ms(each, now)), log.left_out)
    return done


def _outdated(recommender: Recommender, left_out: Sequence[Range]) -> list[SketchedRange]:
    """Those near all that is or was quarantined which have left out something else."""
    of_its_log = Quarantine.objects.filter(recommender=recommender.log_owner_id)
    every = union(pair for each in of_its_log for pair in each.ranges)
    if not every:
        return []
    near = recommender.sketched_ranges.filter(
        last_offset__gte=every[0][0], first_offset__lte=every[-1][1]
    ).order_by("-first_offset")
    return [
        each
        for each in near
        if each.left_out != clip(left_out, each.first_offset, each.last_offset + 1)
    ]


def _width_ms(of: SketchedRange, now: datetime) -> int:
    """How wide its cells of time are to be by now."""
    widths = [width for age, width in COARSER if of.ends_at < now - age]
    return int(widths[-1].total_seconds() * 1000) if widths else CELL_MS


def _parts(of: SketchedRange, log: SampleLog, cell_ms: int) -> list[_Part]:
    """Its samples that are not left out, sketched by cell; none where all of them are."""
    found: list[_Part] = []
    version = _live_at(of.recommender, of.ends_at)
    for batch in log.read(of.first_offset, of.last_offset + 1):
        for piece in pieces(batch, cell_ms):
            times = np.asarray(piece.column(ARRIVED_AT).view(pa.int64()))
            first, last = from_ms(int(times[0])), from_ms(int(times.max()))
            cell, offset = int(times[0]) // cell_ms, piece.column(OFFSET)[-1].as_py()
            sketches = sketched(of.recommender, piece, version)
            if found and found[-1].cell == cell:
                merge_into(found[-1].sketches, sketches)
                found[-1].last_offset, found[-1].ends_at = offset, max(found[-1].ends_at, last)
            else:
                found.append(_Part(cell, offset, first, last, sketches))
    return found


def _live_at(recommender: Recommender, moment: datetime) -> ModelVersion | None:
    """What was live then: the predictions of its time are sketched."""
    then = recommender.deployments.filter(started_at__lte=moment).select_related("version")
    deployment = then.order_by("-started_at").first()
    return deployment and deployment.version


def _replace(of: SketchedRange, parts: Sequence[_Part], left_out: Sequence[Range]) -> bool:
    """Put ranges of these parts, which together cover the same offsets, in its place; False where
    it has changed meanwhile: it is looked at again."""
    with transaction.atomic():
        Recommender.objects.select_for_update().get(pk=of.recommender_id)
        same = SketchedRange.objects.filter(pk=of.pk, last_offset=of.last_offset)
        if not same.exists():
            return False
        same.delete()
        parts = parts or [_Part(0, of.last_offset, of.starts_at, of.ends_at, {})]
        first = of.first_offset
        for part in parts:
            last = of.last_offset if part is parts[-1] else part.last_offset
            made = SketchedRange.objects.create(
                recommender=of.recommender,
                first_offset=first,
                last_offset=last,
                starts_at=part.starts_at,
                ends_at=part.ends_at,
                left_out=clip(left_out, first, last + 1),
            )
            write(made, part.sketches)
            first = last + 1
    return True
