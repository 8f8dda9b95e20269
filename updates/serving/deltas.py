"""From the session that learns to every process that scores: changed weights, in order, by Valkey.

A line of online learning (an *epoch*, see Deployment) has a stream of its own. A delta covers the
offsets after ``since`` up to ``offset``, which is also its id in the stream: the server itself
refuses what does not go on from there, so that of two sessions that both believe to be the writer
one fails. A delta holds what changed as absolute values: whoever stands anywhere within the
offsets it covers comes, by applying it, exactly to its end.

Imports no Django.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import redis
from redis.exceptions import ResponseError

from updates.samples.stream import unavailable_as_such

# An abandoned line's deltas are of no use once every process has seen that it was abandoned.
ABANDONED_SECONDS = 3_600
DELTAS_A_READ = 100

# KEYS: position, deltas. ARGV: epoch, fence, offset, then fields of the position and of the delta.
PUBLISH = """
local at = redis.call('HMGET', KEYS[1], 'epoch', 'fence', 'sequence', 'offset')
local epoch, fence = tonumber(at[1] or 0), tonumber(at[2] or 0)
local ours, by = tonumber(ARGV[1]), tonumber(ARGV[2])
if epoch > ours or (epoch == ours and fence > by) then return {'fenced'} end
-- Sent twice by a client that did not hear our answer.
if epoch == ours and fence == by and at[4] == ARGV[3] then return {'ok', at[3]} end
local sequence = epoch == ours and tonumber(at[3] or 0) + 1 or 1
redis.call('XADD', KEYS[2], ARGV[3] .. '-0', 'sequence', sequence,
  'since', ARGV[4], 'watermark', ARGV[5], 'arrivals', ARGV[6], 'delta', ARGV[7])
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'fence', ARGV[2], 'sequence', sequence,
  'offset', ARGV[3], 'watermark', ARGV[5], 'at', ARGV[8])
return {'ok', sequence}
"""

# KEYS: position. ARGV: epoch, fence. A line begins, or is taken over by another session.
BEGIN = """
local at = redis.call('HMGET', KEYS[1], 'epoch', 'fence')
local epoch, fence = tonumber(at[1] or 0), tonumber(at[2] or 0)
local ours, by = tonumber(ARGV[1]), tonumber(ARGV[2])
if epoch > ours or (epoch == ours and fence > by) then return 0 end
if epoch < ours then redis.call('DEL', KEYS[1]) end
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'fence', ARGV[2])
return 1
"""


class Fenced(RuntimeError):
    """Another session has taken over: this one may send nothing."""


@dataclass(frozen=True)
class Position:
    """How far a line of online learning has been sent to serving.

    epoch : which line. sequence : number of its newest delta, 0 before the first. offset : last
    offset learned. watermark_ms : newest event time learned. at_ms : when it was sent.
    """

    epoch: int
    sequence: int
    offset: int
    watermark_ms: int
    at_ms: int


@dataclass(frozen=True)
class Sent:
    """One delta as it lies in the stream; ``arrivals`` are pairs of the time (ms) at which samples
    in it arrived, and how many did."""

    sequence: int
    since: int
    offset: int
    watermark_ms: int
    arrivals: Sequence[tuple[int, int]]
    payload: bytes


class DeltaStream:
    """The deltas of one line of one recommender.

    key_prefix : as of the recommender's sample log, its hash tag included.
    """

    def __init__(self, client: redis.Redis, key_prefix: str, epoch: int) -> None:
        self.client = client
        self.epoch = epoch
        self.key = f"{key_prefix}:deltas:{epoch}"
        self.position_key = f"{key_prefix}:online"

    def begin(self, fence: int) -> None:
        """This session is the one that sends from now on. Raises Fenced and LogUnavailable."""
        with unavailable_as_such():
            if not self.client.eval(BEGIN, 1, self.position_key, self.epoch, fence):
                raise Fenced(f"{self.key}: another session sends already")

    def publish(self, fence: int, sent: Sent, at_ms: int) -> int:
        """Send a delta; returns its sequence number. Raises Fenced and LogUnavailable."""
        arrivals = json.dumps(list(sent.arrivals))
        about = [self.epoch, fence, sent.offset, sent.since, sent.watermark_ms, arrivals]
        with unavailable_as_such():
            try:
                answer = self.client.eval(
                    PUBLISH, 2, self.position_key, self.key, *about, sent.payload, at_ms
                )
            except ResponseError as error:
                if "equal or smaller" not in str(error):
                    raise
                raise Fenced(f"{self.key}: offset {sent.offset} was sent before") from None
        if answer[0] == b"fenced":
            raise Fenced(f"{self.key}: another session sends now")
        return int(answer[1])

    def read(self, offset: int) -> list[Sent]:
        """The deltas that end after ``offset``, oldest first, not all at once."""
        with unavailable_as_such():
            found = self.client.xrange(self.key, f"{offset + 1}-0", "+", count=DELTAS_A_READ)
        return [_sent(*entry) for entry in found]

    def trim(self, offset: int) -> None:
        """Forget deltas that end at or before ``offset``: a checkpoint holds what they did."""
        with unavailable_as_such():
            self.client.xtrim(self.key, minid=f"{offset + 1}-0", approximate=False)

    def abandon(self) -> None:
        """Nobody goes on from here: let it be forgotten."""
        with unavailable_as_such():
            self.client.expire(self.key, ABANDONED_SECONDS)


def forget(client: redis.Redis, key_prefix: str) -> None:
    """Delete all lines of a recommender. Raises LogUnavailable."""
    with unavailable_as_such():
        client.unlink(f"{key_prefix}:online")
        for key in client.scan_iter(f"{key_prefix}:deltas:*", count=1_000):
            client.unlink(key)


def await_deltas(
    client: redis.Redis, offsets: Mapping[str, int], wait_ms: int
) -> dict[str, list[Sent]]:
    """Deltas that end after those offsets, by stream key, as soon as there are any."""
    after = {key: f"{offset}-0" for key, offset in offsets.items()}
    with unavailable_as_such():
        found = client.xread(after, count=DELTAS_A_READ, block=wait_ms)
    return {key.decode(): [_sent(*entry) for entry in entries] for key, entries in found}


def positions(client: redis.Redis, key_prefixes: Iterable[str]) -> list[Position | None]:
    """How far each recommender's online learning has been sent, in one round trip; None where
    nothing was. Raises LogUnavailable."""
    with unavailable_as_such(), client.pipeline(transaction=False) as pipeline:
        for prefix in key_prefixes:
            pipeline.hmget(f"{prefix}:online", "epoch", "sequence", "offset", "watermark", "at")
        replies = pipeline.execute()
    return [Position(*map(int, reply)) if None not in reply else None for reply in replies]


def _sent(entry_id: bytes, fields: dict[bytes, bytes]) -> Sent:
    return Sent(
        sequence=int(fields[b"sequence"]),
        since=int(fields[b"since"]),
        offset=int(entry_id.partition(b"-")[0]),
        watermark_ms=int(fields[b"watermark"]),
        arrivals=[tuple(pair) for pair in json.loads(fields[b"arrivals"])],
        payload=fields[b"delta"],
    )
