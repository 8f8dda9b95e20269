"""Rows logged one by one: spooled on disk, sent in batches by a thread."""

from __future__ import annotations

import errno
import logging
import re
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Literal, Self, TypeAlias
from urllib.parse import quote

from recadmin_client.courier import PATIENCE, Courier
from recadmin_client.delivery import Delivered, deliver
from recadmin_client.errors import SpoolFull
from recadmin_client.forks import in_forked_child
from recadmin_client.rows import Row, to_json
from recadmin_client.spool import Batch
from recadmin_client.transport import Transport
from recadmin_client.writer import Writer

What: TypeAlias = Literal["samples", "impressions", "feedback"]
WhenFull: TypeAlias = Literal["raise", "drop"]

logger = logging.getLogger(__name__)

# A batch is one request, and the server takes 32 MiB in one.
BATCH_BYTES = 4 << 20
LONGEST_ROW_BYTES = 1 << 20
MOST_ROWS = 100_000
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
SENDER = re.compile(r"[A-Za-z0-9][\w.-]{0,99}", re.ASCII)


@dataclass(frozen=True)
class Counts:
    """What became of rows since the logger was made.

    logged : taken into the spool. sent : taken by the server, those that processes before this one
    left included. rejected : refused by it, and kept aside. dropped : not taken, as the spool was
    full. waiting_bytes : in the spool, to be sent. last_error : why the newest attempt to send
    failed; "" where it did not.
    """

    logged: int
    sent: int
    rejected: int
    dropped: int
    waiting_bytes: int
    last_error: str


class Logger:
    """Logs rows of one recommender; made by ``Client.logger``.

    What ``log`` has returned for is in the operating system's hands: it survives ``kill -9``, and
    is sent by this process, or by the next that has a logger with the same spool, exactly once. A
    thread syncs each batch to disk before it sends it: a loss of power costs what was logged in the
    last ``interval_seconds``, and, where the server is slow to answer, while it was waited for.

    Safe for threads, and for fork: a child has a folder and a thread of its own from its first row
    on, and what its parent logged stays with the parent. Needs a POSIX system, and a spool on a
    local disk; any number of processes may share it. Use it as a context manager, or ``close`` it.

    sender : begins each Batch-Id, so that its samples can be quarantined. batch_rows : in a
    request, at most. interval_seconds : the longest that a row waits for others. max_bytes : what
    waits and what was refused may take on disk; then ``log`` raises SpoolFull, or drops the row and
    counts it.
    """

    def __init__(
        self,
        transport: Transport,
        slug: str,
        spool: Path,
        *,
        what: What,
        sender: str,
        batch_rows: int,
        interval_seconds: float,
        max_bytes: int,
        when_full: WhenFull,
    ) -> None:
        if not SENDER.fullmatch(sender):
            raise ValueError(f"sender must match {SENDER.pattern}, got {sender!r}")
        if not 1 <= batch_rows <= MOST_ROWS:
            raise ValueError(f"batch_rows must be from 1 to {MOST_ROWS}, got {batch_rows}")
        self.root = spool / quote(slug, safe="") / what
        self.root.mkdir(parents=True, exist_ok=True)
        self._transport = transport.patient(PATIENCE)
        self._path = f"recommenders/{quote(slug, safe='')}/{what}"
        self._sender = sender
        self._batch_rows = batch_rows
        self._interval_seconds = interval_seconds
        self._max_bytes = max_bytes
        self._when_full = when_full
        self._closed = False
        self._begin()
        in_forked_child(self._begin_in_child)
        with self._changed:
            self._courier.look_around()
        self._courier.start()

    def _begin(self) -> None:
        self._changed = threading.Condition()
        self._writer = Writer(self.root, self._sender)
        self._courier = Courier(self.root, self._changed, self._send, self._seal_if_due)
        self._logged = self._dropped = 0

    def _begin_in_child(self) -> None:
        self._writer.leave_to_parent()
        self._courier.leave_to_parent()
        self._begin()

    def log(self, row: Row) -> None:
        """Take a row: a write to a file, no request.

        Raises SpoolFull where ``when_full`` says so, TypeError or ValueError for what JSON cannot
        hold, and ValueError for a row of more than 1 MiB or after ``close``.
        """
        line = _line(row)
        with self._changed:
            if self._admits(len(line), 1):
                self._write(line, 1, 1)

    def log_many(self, rows: Iterable[Row]) -> None:
        """Take several rows, such as the predictions of a request: one write, into one batch.

        All are taken or none, where they fit into a batch: ``batch_rows`` and 4 MiB. More are cut
        into batches; where the disk fills meanwhile, the first ones stay taken, as ``counts`` says.
        Raises as ``log`` does, with none taken for a row that cannot be, and where the spool has no
        room for all.
        """
        lines = [_line(row) for row in rows]
        with self._changed:
            if not self._admits(sum(map(len, lines)), len(lines)):
                return
            left = len(lines)
            for part in _parts(lines, self._batch_rows):
                content = b"".join(part)
                if self._lacks_room(content, len(part)):
                    self._seal()
                if not self._write(content, len(part), left):
                    return
                left -= len(part)

    def _admits(self, size: int, rows: int) -> bool:
        if self._closed:
            raise ValueError("the logger is closed")
        courier = self._courier
        if courier.waiting_bytes + courier.aside_bytes + size <= self._max_bytes:
            return True
        self._refuse(f"the spool may hold {self._max_bytes} bytes, and is full", rows)
        return False

    def _lacks_room(self, content: bytes, rows: int) -> bool:
        writer = self._writer
        return writer.rows + rows > self._batch_rows or writer.bytes + len(content) > BATCH_BYTES

    def _write(self, content: bytes, rows: int, left: int) -> bool:
        """Whether the batch being written has so many rows more; where not, all ``left`` are
        refused."""
        writer = self._writer
        try:
            writer.append(content, rows)
        except OSError as error:
            if error.errno not in DISK_FULL:
                raise
            self._refuse("the disk of the spool is full", left)
            return False
        self._logged += rows
        self._courier.waiting_bytes += len(content)
        if writer.rows == rows:
            # It has to be sealed in time, if no more rows come.
            self._courier.start()
            self._changed.notify_all()
        if writer.rows >= self._batch_rows or writer.bytes >= BATCH_BYTES:
            self._seal()
        return True

    def flush(self, timeout_seconds: float = 10.0) -> bool:
        """Send what there is; whether the server has all of it within that time."""
        with self._changed:
            self._seal()
            self._courier.start()
            self._courier.hurry()
            return self._changed.wait_for(lambda: self._courier.idle, timeout_seconds)

    def close(self, timeout_seconds: float = 10.0) -> bool:
        """``flush`` and end; what is not sent by then waits for the next process."""
        with self._changed:
            if self._closed:
                return self._courier.idle
            self._closed = True
        until = time.monotonic() + timeout_seconds
        sent = self.flush(timeout_seconds)
        self._courier.stop(max(0.0, until - time.monotonic()))
        with self._changed:
            self._writer.close()
        self._transport.close()
        if not sent:
            logger.warning("%s: what waits is for the next process", self.root)
        return sent

    def counts(self) -> Counts:
        """What became of rows so far."""
        with self._changed:
            courier = self._courier
            return Counts(
                self._logged,
                courier.sent,
                courier.rejected,
                self._dropped,
                courier.waiting_bytes,
                courier.last_error,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _refuse(self, why: str, rows: int) -> None:
        if self._when_full == "raise":
            raise SpoolFull(why)
        self._dropped += rows

    def _seal(self) -> None:
        if (batch := self._writer.seal()) is not None:
            self._courier.add(batch)

    def _seal_if_due(self) -> float:
        if not self._writer.rows:
            return inf
        due = self._writer.opened_at + self._interval_seconds
        if due <= time.monotonic():
            self._seal()
        return due - time.monotonic()

    def _send(self, batch: Batch) -> Delivered:
        return deliver(self._transport, self._path, batch, self.root)


def _line(row: Row) -> bytes:
    line = to_json(row) + b"\n"
    if len(line) > LONGEST_ROW_BYTES:
        raise ValueError(f"a row may take {LONGEST_ROW_BYTES} bytes, this takes {len(line)}")
    return line


def _parts(lines: list[bytes], most_rows: int) -> Iterator[list[bytes]]:
    """Cut where a batch would be full."""
    part: list[bytes] = []
    size = 0
    for line in lines:
        if len(part) == most_rows or size + len(line) > BATCH_BYTES:
            yield part
            part, size = [], 0
        part.append(line)
        size += len(line)
    if part:
        yield part
