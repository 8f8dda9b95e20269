"""The sample log of a recommender: its stream in Valkey and its archive as one sequence.

Offsets begin at 1 and are dense. What is archived is known from the database: a range counts as
archived from the moment that its segment's row is committed, and leaves the stream after that.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import pyarrow as pa
import redis
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Max

from recadmin.valkey import connection
from updates.models import ArchivedBatch, Quarantine, Recommender, Segment
from updates.samples import offsets
from updates.samples.archive import SegmentFile, read_segment, sweep, write_segment
from updates.samples.batches import (
    OFFSET,
    POSITION,
    conform,
    cut,
    newest_event_time_ms,
    number,
    to_ms,
    within,
)
from updates.samples.head import Head, head_of
from updates.samples.ipc import from_ipc, to_ipc
from updates.samples.offsets import Range, Stretch
from updates.samples.stream import (
    Appended,
    ArchiveMoved,
    BatchConflict,
    Beside,
    Entry,
    LogGap,
    LogUnavailable,
    SampleStream,
    digest,
)

__all__ = ["Appended", "BatchConflict", "Head", "LogGap", "LogUnavailable", "SampleLog"]

logger = logging.getLogger(__name__)

ROWS_A_BATCH = 65_536
LONGEST_BATCH_ID = 200
ATTEMPTS = 5

# Last archived offset by recommender, as this process last saw it; the stream says when it moved.
_archived_through: dict[int, int] = {}


class SampleLog:
    """The sample log of one recommender, a challenger's being its champion's, as learners read it:
    quarantined samples keep their offsets, but are left out. They are looked up once."""

    def __init__(self, recommender: Recommender) -> None:
        self.recommender, self.owner_id = recommender, recommender.log_owner_id
        self.stream = _stream(connection(), recommender.log_key)
        self.folder = settings.RECADMIN_DATA / "samples" / f"r{self.owner_id}"

    def append(
        self,
        batch: pa.RecordBatch,
        batch_id: str,
        arrived_at: datetime,
        beside: Beside | None = None,
    ) -> Appended:
        """Add a batch with the columns of ``schema.arrow``; on disk when this returns.

        A batch id that was used before for the same content adds nothing and is answered as then.
        beside : what is written in the same step, or refuses it.

        Raises
        ------
        LogUnavailable : come again with the same batch id.
        BatchConflict : the batch id was used before for other content.
        ValueError : the batch is empty, or the batch id is, or is too long.
        What ``beside`` raises.
        """
        if not batch.num_rows:
            raise ValueError("batch must hold at least one sample, got none")
        if not 0 < len(batch_id) <= LONGEST_BATCH_ID:
            raise ValueError(
                f"batch_id must have 1 to {LONGEST_BATCH_ID} characters, got {len(batch_id)}"
            )
        payload = to_ipc(batch)
        about = {
            "rows": batch.num_rows,
            "newest_event_time_ms": newest_event_time_ms(batch),
            "arrived_at_ms": to_ms(arrived_at),
            "batch_id": batch_id,
        }
        for attempt in range(ATTEMPTS):
            # In this order: what is archived after the look-up below, the stream tells us of.
            archived_through = self._remembered(fresh=attempt > 0)
            if known := self._archived(batch_id, payload):
                return known
            try:
                return self.stream.append(
                    payload,
                    **about,
                    archived_through=archived_through,
                    fresh=attempt > 0,
                    beside=beside,
                )
            except ArchiveMoved:
                continue
        raise LogUnavailable(f"{self.recommender.slug}: the archive advances too fast; try again")

    def _remembered(self, *, fresh: bool) -> int:
        key = self.owner_id
        if fresh or key not in _archived_through:
            _archived_through[key] = self.archived_through()
        return _archived_through[key]

    def _archived(self, batch_id: str, payload: bytes) -> Appended | None:
        row = ArchivedBatch.objects.filter(recommender=self.owner_id, batch_id=batch_id).first()
        if row is None:
            return None
        if row.sha256 != digest(payload):
            raise BatchConflict(batch_id, row.first_offset, row.last_offset)
        return Appended(row.first_offset, row.last_offset, duplicate=True)

    def archived_through(self) -> int:
        """The last archived offset, 0 before there is one."""
        return self._segments().aggregate(last=Max("last_offset"))["last"] or 0

    def _segments(self) -> Any:
        return Segment.objects.filter(recommender=self.owner_id)

    def head(self) -> Head:
        """How far the log has come. Raises LogUnavailable."""
        return self.heads([self.recommender])[self.recommender.pk]

    @classmethod
    def heads(cls, recommenders: Iterable[Recommender]) -> dict[int, Head]:
        """Heads by the recommenders' primary keys, in one round trip. Raises LogUnavailable."""
        client, recommenders = connection(), list(recommenders)
        owners = {r.pk: r.log_owner_id for r in recommenders}
        streams = {r.log_owner_id: _stream(client, r.log_key) for r in recommenders}
        found = SampleStream.heads(client, streams.values()) if streams else []
        heads = dict(zip(streams, found, strict=True))
        # New, or Valkey has lost its data; the archive has not.
        archived = Segment.newest([pk for pk, head in heads.items() if not head.last_offset])
        return {
            pk: Head(*archived[owner]) if owner in archived else head_of(heads[owner])
            for pk, owner in owners.items()
        }

    def with_schema(self, schema: dict[str, Any]) -> SampleLog:
        """The same log, read with the columns of that schema, whatever the recommender's is now."""
        about = self.recommender
        log = SampleLog(Recommender(pk=self.owner_id, slug=about.slug, schema=schema))
        return log.leaving_out(self.left_out)

    @cached_property
    def left_out(self) -> Sequence[Range]:
        """The offsets that ``read``, ``follow`` and ``stretches`` leave out."""
        return Quarantine.standing_ranges(self.recommender)

    def leaving_out(self, ranges: Sequence[Range]) -> SampleLog:
        """The same log without these offsets, whatever is quarantined: with none, all there is."""
        log = SampleLog(self.recommender)
        log.left_out = ranges
        return log

    def read(
        self, start: int, stop: int, since: datetime | None = None
    ) -> Iterator[pa.RecordBatch]:
        """Samples with offsets [start, stop), as far as there are, and event times from ``since``.

        Without those in ``left_out``. Columns: offset, arrived_at, then the present
        ``schema.arrow``. Batches hold ROWS_A_BATCH samples, the last one fewer, wherever the
        samples lie.

        Raises CorruptSegment, LogGap and LogUnavailable.
        """
        schema = pa.schema([*POSITION, *self.recommender.sample_schema.arrow])
        since_ms = None if since is None else to_ms(since)
        pieces = self._pieces(max(start, 1), stop, since_ms)
        kept = (offsets.drop(piece, self.left_out) for piece in pieces)
        return cut((conform(piece, schema) for piece in kept), ROWS_A_BATCH)

    def stretches(self, start: int, stop: int) -> Iterator[Stretch]:
        """What ``read`` gives of [start, stop), which must all be there, and what it leaves out."""
        for batch in self.read(start, stop):
            end = batch.column(OFFSET)[-1].as_py() + 1
            yield self._stretch(batch, start, end)
            start = end
        if start < stop:
            yield self._stretch(self._nothing(), start, stop)

    def _stretch(self, samples: pa.RecordBatch, start: int, stop: int) -> Stretch:
        return Stretch(start, stop, samples, offsets.clip(self.left_out, start, stop))

    def _nothing(self) -> pa.RecordBatch:
        schema = pa.schema([*POSITION, *self.recommender.sample_schema.arrow])
        return pa.RecordBatch.from_pylist([], schema)

    def _pieces(self, start: int, stop: int, since_ms: int | None) -> Iterator[pa.RecordBatch]:
        """As stored; begins again with the archive when the stream is trimmed under way."""
        while start < stop:
            for segment in self._covering(start, stop):
                yield from self._read_segment(segment, start, stop, since_ms)
                start = segment.last_offset + 1
            if start >= stop:
                return
            end = min(stop, self.head().last_offset + 1)
            try:
                for entry in self.stream.read(start, end):
                    yield within(decode(entry), start, stop, since_ms)
                    start = entry.last_offset + 1
                return
            except LogGap as gap:
                if not self._covering(start, start + 1):
                    slug = self.recommender.slug
                    raise LogGap(slug, gap.first_offset, gap.last_offset) from None

    def follow(self, start: int, rows: int, wait_ms: int) -> Stretch | None:
        """What follows from offset ``start`` on, as soon as there is something.

        About so many rows, cut where batches that were appended end; None where nothing arrived
        within ``wait_ms``. What the stream no longer holds comes from the archive. Columns as of
        ``read``. Raises as ``read`` does.
        """
        entries = self.stream.follow(start, rows, wait_ms)
        there = entries[0].first_offset if entries else self.head().last_offset + 1
        if there > start:
            return next(self.stretches(start, min(there, start + rows)))
        if not entries:
            return None
        schema = pa.schema([*POSITION, *self.recommender.sample_schema.arrow])
        stop = entries[-1].last_offset + 1
        samples = pa.concat_batches(
            conform(within(decode(entry), start, stop, None), schema) for entry in entries
        )
        return self._stretch(offsets.drop(samples, self.left_out), start, stop)

    def _covering(self, start: int, stop: int) -> list[Segment]:
        """The segments that hold [start, stop), as far as it is archived."""
        found = self._segments().filter(last_offset__gte=start, first_offset__lt=stop)
        segments = list(found.order_by("first_offset"))
        for segment in segments:
            if segment.first_offset > start:
                raise LogGap(self.recommender.slug, start, segment.first_offset - 1)
            start = segment.last_offset + 1
        return segments

    def ensure(self, start: int, stop: int) -> None:
        """See that offsets [start, stop) are all there, without reading them.

        Raises LogGap with those that are not, and LogUnavailable.
        """
        slug = self.recommender.slug
        for segment in self._covering(start, stop):
            if not (settings.RECADMIN_DATA / segment.path).exists():
                raise LogGap(slug, segment.first_offset, segment.last_offset)
            start = segment.last_offset + 1
        end = self.head().last_offset + 1
        if end < stop:
            raise LogGap(slug, max(start, end), stop - 1)
        try:
            # The stream is dense from what it holds first.
            next(self.stream.read(start, min(start + 1, stop)), None)
        except LogGap:
            if not self._covering(start, start + 1):
                raise LogGap(slug, start, stop - 1) from None

    def _read_segment(
        self, segment: Segment, start: int, stop: int, since_ms: int | None
    ) -> Iterator[pa.RecordBatch]:
        if since_ms is None or to_ms(segment.max_event_time) >= since_ms:
            path = settings.RECADMIN_DATA / segment.path
            yield from read_segment(path, segment.sha256, start, stop, since_ms)

    def archive(self, now: datetime) -> Segment | None:
        """Archive one closed range and trim it from the stream; None when none is closed yet.

        A range is closed when SEGMENT_ROWS samples wait, or its first has waited SEGMENT_SECONDS.
        Whatever instant a process dies at, calling this again completes its work.
        """
        archived = self.archived_through()
        head = self.stream.head()
        if head.archived_through < archived and head.last_offset:
            self._trim(head.archived_through, archived)
        try:
            segment = self._archive_next(archived + 1, head.last_offset + 1, now)
        except (LogGap, FileNotFoundError, IntegrityError):
            if self.archived_through() == archived:
                raise
            # Another process has archived the range meanwhile.
            return None
        if segment is not None:
            self._trim(archived, segment.last_offset)
        return segment

    def _archive_next(self, start: int, stop: int, now: datetime) -> Segment | None:
        entries = self._closed(start, stop, now)
        if not entries:
            return None
        file = write_segment(self.folder, pa.Table.from_batches(map(decode, entries)))
        segment = self._register(file, entries)
        sweep(file)
        return segment

    def _closed(self, start: int, stop: int, now: datetime) -> list[Entry]:
        """The entries that belong into the next segment: all with the same columns."""
        first = next(self.stream.read(start, stop), None)
        if first is None:
            return []
        overdue = first.arrived_at_ms <= to_ms(now - timedelta(seconds=settings.SEGMENT_SECONDS))
        if stop - start < settings.SEGMENT_ROWS and not overdue:
            return []
        columns = decode(first).schema
        entries: list[Entry] = []
        for entry in self.stream.read(start, stop):
            if decode(entry).schema != columns:
                break
            entries.append(entry)
            if entry.last_offset - start + 1 >= settings.SEGMENT_ROWS:
                break
        return entries

    def _register(self, file: SegmentFile, entries: list[Entry]) -> Segment:
        """Commit what makes the range archived; IntegrityError where another was faster."""
        try:
            # Durable: the stream is trimmed next, so this must not hang on an outer transaction.
            with transaction.atomic(durable=True):
                segment = Segment.objects.create(
                    recommender_id=self.owner_id,
                    first_offset=file.first_offset,
                    last_offset=file.last_offset,
                    min_event_time=file.min_event_time,
                    max_event_time=file.max_event_time,
                    path=str(file.path.relative_to(settings.RECADMIN_DATA)),
                    sha256=file.sha256,
                    bytes=file.bytes,
                )
                ArchivedBatch.objects.bulk_create(map(self._archived_batch, entries))
                return segment
        except IntegrityError:
            if not self._segments().filter(last_offset=file.last_offset).exists():
                file.path.unlink(missing_ok=True)
            raise

    def _archived_batch(self, entry: Entry) -> ArchivedBatch:
        return ArchivedBatch(
            recommender_id=self.owner_id,
            batch_id=entry.batch_id,
            first_offset=entry.first_offset,
            last_offset=entry.last_offset,
            sha256=digest(entry.payload),
        )

    def _trim(self, after: int, through: int) -> None:
        """Have the stream forget offsets up to ``through``; it has those up to ``after``."""
        batches = ArchivedBatch.objects.filter(
            recommender=self.owner_id, last_offset__gt=after, last_offset__lte=through
        )
        self.stream.trim(through, batches.values_list("batch_id", flat=True))

    def delete(self) -> None:
        """Remove every sample, in the stream and in the archive. Raises LogUnavailable."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.stream.delete()


def decode(entry: Entry) -> pa.RecordBatch:
    """The samples of an entry of the stream, numbered."""
    return number(from_ipc(entry.payload), entry.first_offset, entry.arrived_at_ms)


def _stream(client: redis.Redis, key_prefix: str) -> SampleStream:
    return SampleStream(client, key_prefix, always_synced=settings.EMBEDDED_VALKEY)


def delete_with_recommender(instance: Recommender, **kwargs: Any) -> None:
    """Receiver of post_delete: once a recommender is gone, so are its samples."""
    if instance.challenges_id is not None:
        return
    log = SampleLog(instance)

    def delete() -> None:
        try:
            log.delete()
        except LogUnavailable as error:
            logger.warning("%s stays in Valkey: %s", log.stream.key_prefix, error)

    transaction.on_commit(delete)
