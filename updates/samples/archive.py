"""Closed ranges of a sample log as Parquet files, each vouched for by its SHA-256.

Imports no Django.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from updates.artifacts import file_digest, sync_folder
from updates.samples.batches import OFFSET, from_ms, within
from updates.samples.offsets import Range, inside
from updates.samples.schema import ARRIVED_AT, EVENT_TIME

ROWS_A_GROUP = 16_384
ROWS_A_BATCH = 65_536
OLD_DRAFT_SECONDS = 3_600

# Files whose bytes this process has checked: (path, modification time, size) → SHA-256.
_checked: dict[tuple[str, int, int], str] = {}


class CorruptSegment(RuntimeError):
    """An archived file whose bytes are not those that were archived; names it."""


@dataclass(frozen=True)
class SegmentFile:
    """A written segment: where it lies, what it holds, and the checksum of its bytes."""

    path: Path
    first_offset: int
    last_offset: int
    min_event_time: datetime
    max_event_time: datetime
    sha256: str
    bytes: int


def write_segment(folder: Path, samples: pa.Table, mark: str = "") -> SegmentFile:
    """Write a numbered range of samples; whole on disk under its name when this returns.

    mark : added to the name, for another content of the same range.

    The same samples give the same bytes, so that a range archived again after a crash replaces its
    file by an equal one. Raises FileNotFoundError where the file is swept meanwhile.
    """
    first = samples.column(OFFSET)[0].as_py()
    last = samples.column(OFFSET)[-1].as_py()
    path = folder / f"{first:016d}-{last:016d}{mark}.parquet"
    make_durable_folder(folder)
    draft = folder / f".{path.name}.{uuid.uuid4().hex}"
    try:
        _write(samples, draft)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(folder)
    times = pc.min_max(samples.column(EVENT_TIME))
    return SegmentFile(
        path,
        first,
        last,
        from_ms(times["min"].value),
        from_ms(times["max"].value),
        file_digest(path),
        path.stat().st_size,
    )


def erase_rows(path: Path, sha256: str, ranges: Sequence[Range], mark: str) -> SegmentFile:
    """The same range in another file, in which these offsets hold nothing but their times.

    Offsets stay dense: a row stays, its label and weight 0, all its features null. Raises
    CorruptSegment.
    """
    check(path, sha256)
    samples = pq.read_table(path)
    erased = pa.array(inside(samples.column(OFFSET).to_numpy(), ranges))
    columns = [
        column
        if field.name in (OFFSET, ARRIVED_AT, EVENT_TIME)
        else pc.if_else(erased, pa.scalar(None if field.nullable else 0, field.type), column)
        for field, column in zip(samples.schema, samples.columns, strict=True)
    ]
    return write_segment(path.parent, pa.table(columns, schema=samples.schema), mark)


def _write(samples: pa.Table, path: Path) -> None:
    with path.open("wb") as file:
        pq.write_table(
            samples, file, row_group_size=ROWS_A_GROUP, compression="zstd", use_dictionary=True
        )
        file.flush()
        os.fsync(file.fileno())


def sweep(kept: SegmentFile) -> None:
    """Remove what attempts that died left of the range that ``kept`` now holds, and old drafts."""
    for path in kept.path.parent.glob(f"{kept.first_offset:016d}-*.parquet"):
        if path != kept.path:
            path.unlink(missing_ok=True)
    for draft in kept.path.parent.glob(".*"):
        with suppress(FileNotFoundError):
            if time.time() - draft.stat().st_mtime > OLD_DRAFT_SECONDS:
                draft.unlink()


def make_durable_folder(folder: Path) -> None:
    """Create a folder and those above it, each on disk as an entry of its parent."""
    if not folder.exists():
        make_durable_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def read_segment(
    path: Path, sha256: str, start: int, stop: int, since_ms: int | None = None
) -> Iterator[pa.RecordBatch]:
    """Samples with offsets [start, stop) and event times from ``since_ms`` on.

    Row groups that hold none of them are not read. Raises CorruptSegment.
    """
    check(path, sha256)
    with pq.ParquetFile(path) as file:
        groups = [
            i
            for i in range(file.num_row_groups)
            if _may_hold(file.metadata.row_group(i), start, stop, since_ms)
        ]
        for batch in file.iter_batches(ROWS_A_BATCH, row_groups=groups) if groups else ():
            yield within(batch, start, stop, since_ms)


def check(path: Path, sha256: str) -> None:
    """Make sure, once a process and file, that the bytes are those that were archived.

    Raises CorruptSegment.
    """
    name = f"{path.parent.name}/{path.name}"
    try:
        stat = path.stat()
        key = (str(path), stat.st_mtime_ns, stat.st_size)
        if key not in _checked:
            _checked[key] = file_digest(path)
    except FileNotFoundError:
        raise CorruptSegment(f"segment {name} is missing from the archive") from None
    if _checked[key] != sha256:
        raise CorruptSegment(
            f"segment {name} is torn or corrupted: its SHA-256 is {_checked[key][:12]}…, "
            f"that of the archived samples is {sha256[:12]}…"
        )


def _may_hold(group: pq.RowGroupMetaData, start: int, stop: int, since_ms: int | None) -> bool:
    offsets = _column(group, OFFSET).statistics
    if offsets.max < start or offsets.min >= stop:
        return False
    return since_ms is None or _column(group, EVENT_TIME).statistics.max >= from_ms(since_ms)


def _column(group: pq.RowGroupMetaData, name: str) -> pq.ColumnChunkMetaData:
    return next(
        column
        for column in map(group.column, range(group.num_columns))
        if column.path_in_schema == name
    )
