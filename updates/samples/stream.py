"""The part of a sample log that is not archived yet: a stream in Valkey. Knows no Arrow.

Appending is one script on the server: it dedupes by batch id, advances the counter and writes the
batch under the offset of its last sample, or does nothing at all. Imports no Django.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import redis

from updates.samples.durable import LogUnavailable, Script, unavailable_as_such

__all__ = [
    "Appended",
    "ArchiveMoved",
    "BatchConflict",
    "Entry",
    "LogGap",
    "LogUnavailable",
    "SampleStream",
    "StreamHead",
    "digest",
    "unavailable_as_such",
]

# Rows that one round trip of reading should bring, whatever the size of the batches.
ROWS_A_READ = 65_536
ENTRIES_A_READ = 1_000
MOST_IN_ID = 2**64 - 1  # the second half of an entry's id, which ours leave at 0

# KEYS: stream, head, batch. ARGV: rows, newest event time, arrived, batch id, digest, payload,
# archived (last archived offset that the caller knows), fresh (the caller has just looked it up).
APPENDING = """
local function append()
local known = redis.call('GET', KEYS[3])
if known then
  -- Written again so that a WAITAOF on this connection waits for it.
  redis.call('SET', KEYS[3], known)
  return {'known', known}
end
local head = redis.call('HMGET', KEYS[2], 'last', 'archived', 'event', 'arrived')
local last, archived = tonumber(head[1]), tonumber(head[2] or 0)
local floor = tonumber(ARGV[7])
if archived > floor or (not last and ARGV[8] == '0') then return {'moved'} end
if not last then archived = floor end
last = math.max(last or 0, floor)
local function text(number) return string.format('%.0f', number) end
local first = text(last + 1)
last = text(last + ARGV[1])
redis.call('XADD', KEYS[1], last .. '-0',
  'first', first, 'arrived', ARGV[3], 'batch', ARGV[4], 'rows', ARGV[6])
redis.call('SET', KEYS[3], first .. ' ' .. last .. ' ' .. ARGV[5])
redis.call('HSET', KEYS[2], 'last', last, 'archived', text(archived),
  'event', text(math.max(tonumber(head[3] or ARGV[2]), tonumber(ARGV[2]))),
  'arrived', text(math.max(tonumber(head[4] or ARGV[3]), tonumber(ARGV[3]))))
return {'new', first, last}
end
"""
APPEND = Script(APPENDING + "return append()")

# KEYS: stream, head. ARGV: last archived offset, first entry id to keep. Of two archivers the one
# that comes late must not set the mark back.
TRIM = """
if tonumber(redis.call('HGET', KEYS[2], 'archived') or 0) < tonumber(ARGV[1]) then
  redis.call('HSET', KEYS[2], 'archived', ARGV[1])
end
redis.call('XTRIM', KEYS[1], 'MINID', ARGV[2])
"""

# KEYS: heads. Replies with a text a head: to read four bulk strings each would take several times
# as long, and a page asks for thousands.
HEADS = """
local found = {}
for i, key in ipairs(KEYS) do
  local head = redis.call('HMGET', key, 'last', 'event', 'arrived', 'archived')
  for field = 1, 4 do head[field] = head[field] or '' end
  found[i] = table.concat(head, ' ')
end
return found
"""


class LogGap(RuntimeError):
    """Samples that were answered for are in no place: names their offsets."""

    def __init__(self, key: str, first_offset: int, last_offset: int) -> None:
        super().__init__(f"{key}: offsets {first_offset} to {last_offset} are missing from the log")
        self.first_offset = first_offset
        self.last_offset = last_offset


class BatchConflict(ValueError):
    """A batch id was used before for other content."""

    def __init__(self, batch_id: str, first_offset: int, last_offset: int) -> None:
        super().__init__(
            f"Batch-Id {batch_id!r} names another batch, at offsets {first_offset} to "
            f"{last_offset}; send new samples under a new Batch-Id"
        )
        self.first_offset = first_offset
        self.last_offset = last_offset


class ArchiveMoved(RuntimeError):
    """More is archived than the caller knew when it looked whether its batch is."""


@dataclass(frozen=True)
class Appended:
    """Where a batch lies: offsets first to last, both included."""

    first_offset: int
    last_offset: int
    duplicate: bool


@dataclass(frozen=True)
class Beside:
    """What is written together with a batch, or refuses it.

    script : begins with APPENDING and calls ``append()``, whose reply it returns unless it replies
        ``{'refused'}``. keys, args : follow those of appending, which are three and eight.
    refusal : raised then.
    """

    script: Script
    keys: list[str]
    args: list[Any]
    refusal: Exception


@dataclass(frozen=True)
class StreamHead:
    """How far the stream has come; times in epoch milliseconds, None before the first sample."""

    last_offset: int = 0
    newest_event_time_ms: int | None = None
    newest_arrived_at_ms: int | None = None
    archived_through: int = 0


@dataclass(frozen=True)
class Entry:
    """One batch in the stream."""

    first_offset: int
    last_offset: int
    arrived_at_ms: int
    batch_id: str
    payload: bytes

    @property
    def rows(self) -> int:
        """How many samples it holds."""
        return self.last_offset - self.first_offset + 1


def digest(payload: bytes) -> str:
    """What tells one batch's content from another's: SHA-256 in hex."""
    return hashlib.sha256(payload).hexdigest()


class SampleStream:
    """The stream of one recommender.

    key_prefix : what its keys begin with; must hold a hash tag in braces.
    always_synced : the server syncs its append-only file before it replies, so that nothing is
        left to wait for.
    """

    def __init__(self, client: redis.Redis, key_prefix: str, *, always_synced: bool) -> None:
        self.client = client
        self.key_prefix = key_prefix
        self.always_synced = always_synced
        self.stream_key = f"{key_prefix}:stream"
        self.head_key = f"{key_prefix}:head"

    def _batch_key(self, batch_id: str) -> str:
        return f"{self.key_prefix}:batch:{batch_id}"

    def append(
        self,
        payload: bytes,
        *,
        rows: int,
        newest_event_time_ms: int,
        arrived_at_ms: int,
        batch_id: str,
        archived_through: int,
        fresh: bool,
        beside: Beside | None = None,
    ) -> Appended:
        """Add a batch and return once it is on disk; a known batch id adds nothing.

        archived_through : last archived offset as the caller knew it when it made sure that the
            batch is not among the archived ones; offsets up to it are never given out again.
        fresh : that knowledge is of this moment, not remembered.
        beside : what is written in the same step.

        Raises LogUnavailable, BatchConflict, what ``beside`` raises, and ArchiveMoved where the
        caller must look again.
        """
        content = digest(payload)
        keys = [self.stream_key, self.head_key, self._batch_key(batch_id)]
        about = [rows, newest_event_time_ms, arrived_at_ms, batch_id, content]
        args = [*about, payload, archived_through, int(fresh)]
        script = beside.script if beside else APPEND
        if beside:
            keys, args = [*keys, *beside.keys], [*args, *beside.args]
        reply = script.run_durably(self.client, keys, args, always_synced=self.always_synced)
        if beside and reply[0] == b"refused":
            raise beside.refusal
        if reply[0] == b"moved":
            raise ArchiveMoved(f"{self.key_prefix}: more than {archived_through} is archived")
        if reply[0] == b"new":
            return Appended(int(reply[1]), int(reply[2]), duplicate=False)
        first, last, known = reply[1].decode().split()
        if known != content:
            raise BatchConflict(batch_id, int(first), int(last))
        return Appended(int(first), int(last), duplicate=True)

    def head(self) -> StreamHead:
        """How far the stream has come. Raises LogUnavailable."""
        return self.heads(self.client, [self])[0]

    @staticmethod
    def heads(client: redis.Redis, streams: Iterable[SampleStream]) -> list[StreamHead]:
        """The heads of many streams of one server, in one round trip. Raises LogUnavailable."""
        keys = [stream.head_key for stream in streams]
        with unavailable_as_such():
            return [_head(reply) for reply in client.eval(HEADS, len(keys), *keys)]

    def read(self, start: int, stop: int) -> Iterator[Entry]:
        """The entries that hold offsets [start, stop), in order; the outer ones may hold more.

        Raises LogGap at the first offset that is not there, and LogUnavailable.
        """
        count = 1
        while start < stop:
            with unavailable_as_such():
                found = self.client.xrange(self.stream_key, f"{start}-0", "+", count=count)
            entry = None
            for entry in map(_entry, found):
                if entry.first_offset > start:
                    raise LogGap(self.key_prefix, start, min(entry.first_offset, stop) - 1)
                yield entry
                start = entry.last_offset + 1
                if start >= stop:
                    return
            if entry is None:
                raise LogGap(self.key_prefix, start, stop - 1)
            count = min(max(ROWS_A_READ // entry.rows, 1), ENTRIES_A_READ)

    def follow(self, start: int, rows: int, wait_ms: int) -> list[Entry]:
        """Entries from the one that holds offset ``start`` on, as soon as there is one.

        About so many rows of what is there, or nothing after ``wait_ms``. Where the stream no
        longer holds ``start`` it begins with what it holds. Raises LogUnavailable.
        """
        with unavailable_as_such():
            # XREAD hands out what has an id above the one named: the last offset of an entry.
            found = self.client.xread(
                {self.stream_key: f"{start - 1}-{MOST_IN_ID}"}, count=1, block=wait_ms
            )
            entries = [_entry(each) for _, batches in found for each in batches]
            if entries:
                following = entries[0].last_offset + 1
                count = min(max(rows // entries[0].rows, 1), ENTRIES_A_READ)
                more = self.client.xrange(self.stream_key, f"{following}-0", "+", count=count)
                entries += map(_entry, more)
        # Trimmed between the two calls, what follows may begin further on.
        return list(_adjoining(entries))

    def trim(self, through: int, batch_ids: Iterable[str]) -> None:
        """Forget the offsets up to ``through``, and those batches' ids: both are archived."""
        with unavailable_as_such(), self.client.pipeline(transaction=True) as pipeline:
            pipeline.eval(TRIM, 2, self.stream_key, self.head_key, through, f"{through + 1}-0")
            for batch_id in batch_ids:
                pipeline.unlink(self._batch_key(batch_id))
            pipeline.execute()

    def delete(self) -> None:
        """Forget everything."""
        with unavailable_as_such():
            self.client.unlink(self.stream_key, self.head_key)
            for key in self.client.scan_iter(self._batch_key("*"), count=1_000):
                self.client.unlink(key)


def _head(reply: bytes) -> StreamHead:
    last, event, arrived, archived = (int(value) if value else None for value in reply.split(b" "))
    return StreamHead(last or 0, event, arrived, archived or 0)


def _adjoining(entries: list[Entry]) -> Iterator[Entry]:
    """The entries up to the first one that does not begin where the one before it ends."""
    for i, entry in enumerate(entries):
        if i and entry.first_offset != entries[i - 1].last_offset + 1:
            return
        yield entry


def _entry(found: tuple[bytes, dict[bytes, bytes]]) -> Entry:
    entry_id, fields = found
    return Entry(
        first_offset=int(fields[b"first"]),
        last_offset=int(entry_id.partition(b"-")[0]),
        arrived_at_ms=int(fields[b"arrived"]),
        batch_id=fields[b"batch"].decode(),
        payload=fields[b"rows"],
    )
