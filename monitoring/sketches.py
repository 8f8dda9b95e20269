"""Sketches that follow the sample log, and periods put together from them.

A range is open while it is the last of its recommender, has room, and no sample has arrived that
belongs into another cell of time. What follows is merged into it, or begins the next one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

import numpy as np
import pyarrow as pa
from django.db import transaction
from django.db.models import Max

from monitoring.drift.batches import merge_into, sketch_batch
from monitoring.drift.compare import KINDS, Sketch
from monitoring.drift.numbers import NumberSketch
from monitoring.models import FeatureSketch, SketchedRange
from monitoring.quality.predicted import is_predicted, predictions
from updates.artifacts import CorruptArtifact
from updates.learners.registry import UnknownLearner
from updates.models import ModelVersion, Recommender
from updates.samples.batches import OFFSET, from_ms
from updates.samples.log import SampleLog
from updates.samples.offsets import Range, clip, rest, union
from updates.samples.schema import ARRIVED_AT

logger = logging.getLogger(__name__)

# In quotation marks, which no feature's name has.
PREDICTION = '"prediction"'
CELL_MS = 60_000
ROWS_A_RANGE = 10_000
# So much of the log is sketched in one go, so that no recommender waits long for another.
MOST_ROWS = 200_000
# Of a busy hour the newest so many ranges are looked at: millions of samples tell no more.
MOST_RECENT = 100
# Ranges older than the age are put together where they fall into one cell of that width.
COARSER = (
    (timedelta(hours=1), timedelta(minutes=10)),
    (timedelta(hours=6), timedelta(hours=1)),
    (timedelta(days=7), timedelta(days=1)),
)


@dataclass(frozen=True)
class Period:
    """What the samples of some ranges were, by feature; offsets are inclusive, 0 without any."""

    sketches: dict[str, Sketch]
    first_offset: int = 0
    last_offset: int = 0
    starts_at: datetime | None = None
    ends_at: datetime | None = None


def sketched_through(recommender: Recommender) -> int:
    """The last offset that has been sketched; 0 before there is one."""
    return recommender.sketched_ranges.aggregate(last=Max("last_offset"))["last"] or 0


def follow(recommender: Recommender, last_offset: int) -> int:
    """Sketch what the log holds up to an offset; returns how many samples that were.

    Calling it again, or from two processes at once, sketches no sample twice. Raises as
    ``SampleLog.read``.
    """
    done = start = sketched_through(recommender)
    log = SampleLog(recommender)
    # However many are quarantined, it gets to what follows them.
    left = rest(log.left_out, start + 1, last_offset + 1)
    stop = min(last_offset + 1, left[0][0] + MOST_ROWS) if left else start + 1
    for batch in log.read(start + 1, stop):
        for piece in pieces(batch, CELL_MS):
            if not _add(recommender, piece, log.left_out, after=done):
                return done - start
            done = piece.column(OFFSET)[-1].as_py()
    return done - start


def pieces(batch: pa.RecordBatch, cell_ms: int) -> Iterator[pa.RecordBatch]:
    """Parts that may be of one range: of one cell of time, between multiples of ROWS_A_RANGE."""
    cells = np.asarray(batch.column(ARRIVED_AT).view(pa.int64())) // cell_ms
    blocks = (np.asarray(batch.column(OFFSET)) - 1) // ROWS_A_RANGE
    changes = np.flatnonzero(np.diff(cells) | np.diff(blocks)) + 1
    ends = [*changes.tolist(), batch.num_rows]
    for start, end in zip([0, *ends], ends, strict=False):
        yield batch.slice(start, end - start)


def _add(
    recommender: Recommender, piece: pa.RecordBatch, left_out: Sequence[Range], after: int
) -> bool:
    """Write the sketches of a piece, which with what is left out before it follows on an offset;
    False where another process has come first."""
    sketches = sketched(recommender, piece, recommender.live_version)
    times = np.asarray(piece.column(ARRIVED_AT).view(pa.int64()))
    first, last = (piece.column(OFFSET)[at].as_py() for at in (0, -1))
    starts_at, ends_at = from_ms(int(times[0])), from_ms(int(times.max()))
    without = clip(left_out, after + 1, last + 1)
    with transaction.atomic():
        Recommender.objects.select_for_update().get(pk=recommender.pk)
        newest = recommender.sketched_ranges.order_by("-first_offset").first()
        if (newest.last_offset if newest else 0) != after:
            return False
        if newest and _same_range(newest, first, int(times[0])):
            merge_into(known := merged([newest]), sketches)
            newest.last_offset, newest.ends_at = last, max(ends_at, newest.ends_at)
            newest.left_out = union([*newest.left_out, *without])
            newest.save(update_fields=["last_offset", "ends_at", "left_out"])
            write(newest, known)
        else:
            new = SketchedRange(first_offset=after + 1, last_offset=last, left_out=without)
            new.recommender, new.starts_at, new.ends_at = recommender, starts_at, ends_at
            new.save(force_insert=True)
            write(new, sketches)
    return True


def sketched(
    recommender: Recommender, piece: pa.RecordBatch, version: ModelVersion | None
) -> dict[str, Sketch]:
    """The sketches of a piece, and of what was predicted of it; not of that where nothing was, or
    the version that would cannot be loaded."""
    sketches = sketch_batch(piece, recommender.sample_schema)
    if not is_predicted(recommender, version):
        return sketches
    try:
        return sketches | {PREDICTION: NumberSketch.of(predictions(recommender, version, piece))}
    except (CorruptArtifact, UnknownLearner) as error:
        logger.warning("%s: predictions are not sketched: %s", recommender.slug, error)
        return sketches


def _same_range(newest: SketchedRange, first_offset: int, arrived_ms: int) -> bool:
    cell = int(newest.starts_at.timestamp() * 1000) // CELL_MS
    block = (newest.first_offset - 1) // ROWS_A_RANGE
    return cell == arrived_ms // CELL_MS and block == (first_offset - 1) // ROWS_A_RANGE


def coarsen(recommender: Recommender, now: datetime) -> None:
    """Put old ranges together, so that years are read as fast as hours."""
    for age, width in COARSER:
        old = recommender.sketched_ranges.filter(ends_at__lt=now - age).order_by("first_offset")
        for _, cell in groupby(
            old, lambda r, w=width: int(r.starts_at.timestamp() // w.total_seconds())
        ):
            _join(recommender, list(cell))


def _join(recommender: Recommender, ranges: Sequence[SketchedRange]) -> None:
    if len(ranges) < 2:
        return
    with transaction.atomic():
        Recommender.objects.select_for_update().get(pk=recommender.pk)
        found = list(SketchedRange.objects.filter(pk__in=[r.pk for r in ranges]))
        if len(found) < len(ranges):
            return  # another process is at it
        sketches = merged(ranges)
        SketchedRange.objects.filter(pk__in=[r.pk for r in ranges]).delete()
        joined = SketchedRange.objects.create(
            recommender=recommender,
            first_offset=ranges[0].first_offset,
            last_offset=ranges[-1].last_offset,
            starts_at=ranges[0].starts_at,
            ends_at=max(r.ends_at for r in ranges),
            left_out=union(each for r in ranges for each in r.left_out),
        )
        write(joined, sketches)


def arrived(recommender: Recommender, start: datetime, end: datetime) -> Period:
    """What arrived from ``start`` on and before ``end``, to the width of a range."""
    return _period(recommender.sketched_ranges.filter(ends_at__gte=start, starts_at__lt=end))


def newest(recommender: Recommender, since: datetime, next_offset: int, least: int) -> Period:
    """What arrived since then from an offset on; all the newest ranges that hold so many samples
    where that is fewer, or where nothing arrived."""
    ranges = list(recommender.sketched_ranges.order_by("-first_offset")[:MOST_RECENT])
    recent = [r for r in ranges if r.ends_at >= since and r.first_offset >= next_offset]
    if _samples(recent) < least:
        enough = next((n for n in range(len(ranges)) if _samples(ranges[:n]) >= least), len(ranges))
        recent = ranges[:enough]
    return _period(recent)


def _samples(ranges: Iterable[SketchedRange]) -> int:
    return sum(r.samples for r in ranges)


def _period(found: Iterable[SketchedRange]) -> Period:
    ranges = sorted(found, key=lambda r: r.first_offset)
    return period(ranges, merged(ranges))


def period(ranges: Sequence[SketchedRange], sketches: dict[str, Sketch]) -> Period:
    """Of ranges in order, with their sketches."""
    if not ranges:
        return Period({})
    return Period(
        sketches,
        ranges[0].first_offset,
        ranges[-1].last_offset,
        min(r.starts_at for r in ranges),
        max(r.ends_at for r in ranges),
    )


def merged(ranges: Iterable[SketchedRange]) -> dict[str, Sketch]:
    """The sketches of ranges, merged by feature."""
    found: dict[str, Sketch] = {}
    rows = FeatureSketch.objects.filter(range__in=ranges).order_by("range__first_offset")
    for feature, kind, body in rows.values_list("feature", "kind", "body").iterator():
        merge_into(found, {feature: KINDS[kind].from_bytes(bytes(body))})
    return found


def write(of: SketchedRange, sketches: dict[str, Sketch]) -> None:
    """Have a range these sketches."""
    FeatureSketch.objects.bulk_create(
        [
            FeatureSketch(range=of, feature=name, kind=sketch.kind, body=sketch.to_bytes())
            for name, sketch in sketches.items()
        ],
        update_conflicts=True,
        unique_fields=["range", "feature"],
        update_fields=["kind", "body"],
    )
