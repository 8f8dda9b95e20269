"""The joiner of one recommender: impressions wait in Valkey for their feedback. Knows no Arrow.

After He et al. 2014, §4: a queue of what was shown with an index by id; an impression leaves the
queue when its window has ended, and is remembered for a while to tell late feedback from unknown.
The window runs by arrival, on the server's clock: what clients say of time does not delay or hasten
a sample. Imports no Django.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import msgspec
import numpy as np
import redis

from updates.samples import joiner_scripts as scripts
from updates.samples.durable import Script, unavailable_as_such
from updates.samples.joiner_delays import DelayCurve
from updates.samples.joiner_rows import SKEW_TOLERATED_MS

DAY_MS = 86_400_000
# Days of delays that make a curve; older ones are forgotten.
DELAY_DAYS = 28
MOST_EARLY = 100_000
# What one step of the closer takes at once.
BATCHES_A_STEP = 64
POSITIVES_A_STEP = 1_000
ROWS_A_SWEEP = 20_000
LEASE_MS = 5_000
COUNTERS = (
    "impressions",
    "pending",
    "joined_positives",
    "joined_negatives",
    "left_out_negatives",
    "feedback",
    "late",
    "unknown",
    "early",
    "confirmed_negatives",
    "duplicate_impressions",
    "refused_impressions",
    "duplicate_feedback",
    "skewed",
)


class RequestConflict(ValueError):
    """A batch id was used before for other content."""

    def __init__(self, batch_id: str) -> None:
        super().__init__(
            f"Batch-Id {batch_id!r} names another request; send new rows under a new Batch-Id"
        )


class JoinerFull(RuntimeError):
    """As many impressions are remembered as may be; nothing was stored."""

    def __init__(self, held: int, most: int) -> None:
        super().__init__(
            f"{held} impressions are remembered, at most {most} may be: the horizon is too long "
            "for this traffic, or samples are not being joined"
        )


@dataclass(frozen=True)
class Request:
    """One request's rows: ids and epoch milliseconds of n rows, and what tells it from another."""

    batch_id: str
    digest: str
    ids: Sequence[str]
    event_times_ms: Sequence[int]
    arrived_at_ms: int
    keep_answer_ms: int


@dataclass(frozen=True)
class Taken:
    """What became of impressions.

    accepted : new ones. repeated : known with the same content. refused : rows, from 0, that are
    known with other content. duplicate : the request was known; nothing was added.
    """

    accepted: int
    repeated: int
    refused: list[int]
    duplicate: bool


@dataclass(frozen=True)
class Step:
    """What the closer is to append: batches first to last, then a group of positives.

    group : (p, 2) int64 batch and row of each positive that follows a fake negative.
    """

    epoch: str
    batches: range
    group_number: int
    group: np.ndarray


@dataclass(frozen=True)
class Waiting:
    """Arrivals in epoch milliseconds of the oldest of each kind, None where there is none."""

    impression_ms: int | None
    remembered_ms: int | None
    early_ms: int | None
    positives: int


@dataclass(frozen=True)
class Status:
    """Counters since the beginning, what is held now, and the delays of labels.

    counts : by the names of COUNTERS. remembered : impressions held, waiting or not.
    early_waiting : feedback held whose impression is not known. oldest_positive_ms : arrival of
    the first positive that is not in the log yet.
    """

    counts: dict[str, int]
    first_arrival_ms: int | None
    remembered: int
    early_waiting: int
    oldest_positive_ms: int | None
    oldest_impression_ms: int | None
    curve: DelayCurve

    @property
    def used(self) -> bool:
        """Whether anything was ever sent."""
        return any(self.counts.values())


class Joiner:
    """The joiner of one recommender.

    key_prefix : what its keys begin with; must hold a hash tag in braces.
    always_synced : the server syncs its append-only file before it replies.
    most_impressions : how many it may remember at once; more are refused.
    """

    def __init__(
        self, client: redis.Redis, key_prefix: str, *, always_synced: bool, most_impressions: int
    ) -> None:
        self.client = client
        self.always_synced = always_synced
        self.most_impressions = most_impressions
        self.key_prefix = f"{key_prefix}:joiner"
        self.state, self.index, self.batches, self.labels = self._keys(
            "state", "index", "batches", "labels"
        )
        self.early, self.early_times, self.owed, self.closing, self.lease = self._keys(
            "early", "early-times", "owed", "closing", "lease"
        )

    def _keys(self, *names: str) -> list[str]:
        return [f"{self.key_prefix}:{name}" for name in names]

    def _delays(self, at_ms: int) -> str:
        return f"{self.key_prefix}:delays:{at_ms // DAY_MS}"

    def take_impressions(
        self, request: Request, *, row_digests: np.ndarray, rows: bytes, skewed: int
    ) -> Taken:
        """Keep impressions; on disk when this returns. A known request adds nothing.

        row_digests : (n,) uint64. rows : the features, as they are to come back. skewed : rows
        whose event times were ahead.

        Raises LogUnavailable, RequestConflict and JoinerFull.
        """
        digests = row_digests.astype("<u8").tobytes()
        more = [uuid4().hex, rows, self.most_impressions, skewed]
        kind, answer = self._ask(scripts.IMPRESSIONS, "impressions", request, digests, *more)
        if kind == b"full":
            raise JoinerFull(answer, self.most_impressions)
        accepted, repeated, refused = _answered(request, answer)
        return Taken(accepted, repeated, refused, duplicate=kind == b"known")

    def take_feedback(self, request: Request, *, labels: bytes) -> bool:
        """Keep feedback; on disk when this returns. True where the request was known already.

        labels : n letters, “1” or “0”.

        Raises LogUnavailable and RequestConflict.
        """
        more = [MOST_EARLY, SKEW_TOLERATED_MS]
        kind, answer = self._ask(
            scripts.FEEDBACK, "feedback", request, labels, *more, keys=[self.owed]
        )
        _answered(request, answer)
        return kind == b"known"

    def _ask(
        self,
        script: Script,
        kind: str,
        request: Request,
        of_rows: bytes,
        *more: Any,
        keys: Sequence[str] = (),
    ) -> tuple[bytes, Any]:
        own = [self.state, self.index, self.batches, self.labels, self.early, self.early_times]
        own += [self._delays(request.arrived_at_ms), self._request_key(kind, request.batch_id)]
        args = [
            request.digest,
            msgspec.msgpack.encode(request.ids),
            of_rows,
            msgspec.msgpack.encode(request.event_times_ms),
            request.arrived_at_ms,
            request.keep_answer_ms,
        ]
        kind_of_answer, answer = script.run_durably(
            self.client, [*own, *keys], [*args, *more], always_synced=self.always_synced
        )
        return kind_of_answer, answer

    def _request_key(self, kind: str, batch_id: str) -> str:
        return f"{self.key_prefix}:{kind}:{batch_id}"

    def hold(self, holder: str) -> bool:
        """Take the closer's lease, or hold on to it, for LEASE_MS; false where another has it.

        It saves work and keeps a positive behind its fake negative. What makes samples join once
        are the numbers of batches: two closers at once would append the same bytes.
        """
        return bool(scripts.HOLD.run(self.client, [self.lease], [holder, LEASE_MS]))

    def release(self, holder: str) -> None:
        """Let the lease go, if it is still held."""
        scripts.RELEASE.run(self.client, [self.lease], [holder])

    def take(self, now_ms: int, window_ms: int, *, fake_negatives: bool) -> Step:
        """Close what is due and say what is to be appended; again the same until it is finished.

        fake_negatives : every impression is emitted as a negative; its positive feedback follows
        as a sample of its own.
        """
        mode = "+" if fake_negatives else "w"
        keys = [self.state, self.batches, self.labels, self.owed, self.closing]
        args = [now_ms, window_ms, mode, BATCHES_A_STEP, POSITIVES_A_STEP]
        epoch, emitted, closed, number, group = scripts.TAKE.run(self.client, keys, args)
        pairs = np.fromstring(b" ".join(group), np.int64, sep=" ").reshape(-1, 3)[:, :2]
        return Step(
            (epoch or b"").decode(), range(emitted + 1, closed + 1), int(number or 0), pairs
        )

    def read(self, batch: int) -> tuple[bytes, list[str], list[int], list[int]] | None:
        """A closed batch: rows in Arrow, ids, rows left out, rows with a positive label in time.

        None where it was appended and finished meanwhile.
        """
        found = scripts.READ.run(self.client, [self.batches, self.labels], [batch])
        if not found:
            return None
        rows, ids, left_out, positives = found
        out = msgspec.msgpack.decode(left_out) if left_out else []
        return rows, msgspec.msgpack.decode(ids), out, positives

    def rows_of(self, batch: int) -> bytes | None:
        """The rows of a batch in Arrow, None where they are gone."""
        with unavailable_as_such():
            return self.client.hget(self.batches, f"{batch}:rows")

    def finish(self, batch: int, *, positives: int, negatives: int, left_out: int) -> None:
        """Note that a batch is in the log, but for so many negatives that were left out."""
        args = [batch, positives, negatives, left_out]
        scripts.FINISH.run(self.client, [self.state, self.batches], args)

    def finish_group(self, number: int) -> None:
        """Note that a group of positives is in the log."""
        keys = [self.state, self.batches, self.closing]
        scripts.FINISH_GROUP.run(self.client, keys, [number])

    def sweep(self, *, impressions_before_ms: int, early_before_ms: int) -> bool:
        """Forget what arrived before; true where there may be more of it."""
        keys = [self.state, self.index, self.batches, self.labels, self.early, self.early_times]
        args = [impressions_before_ms, early_before_ms, ROWS_A_SWEEP]
        return bool(scripts.SWEEP.run(self.client, keys, args))

    @staticmethod
    def waiting(client: redis.Redis, joiners: Iterable[Joiner]) -> list[Waiting]:
        """What waits at many joiners of one server, in one round trip. Raises LogUnavailable."""
        with unavailable_as_such(), client.pipeline(transaction=False) as pipeline:
            for joiner in joiners:
                keys = [joiner.state, joiner.batches, joiner.early_times]
                keys += [joiner.owed, joiner.closing]
                pipeline.eval(scripts.WAITING.source, len(keys), *keys)
            replies = pipeline.execute()
        return [
            Waiting(_ms(shown), _ms(remembered), _ms(early), positives)
            for shown, remembered, early, positives in replies
        ]

    def status(self, now_ms: int) -> Status:
        """Counters, what is held and the delays of the last days. Raises LogUnavailable."""
        days = [self._delays(now_ms - day * DAY_MS) for day in range(DELAY_DAYS)]
        with unavailable_as_such(), self.client.pipeline(transaction=True) as pipeline:
            pipeline.hgetall(self.state)
            pipeline.hlen(self.index)
            pipeline.zcard(self.early_times)
            for owed in (self.closing, self.owed):
                pipeline.lindex(owed, 0)
            for day in days:
                pipeline.hgetall(day)
            state, remembered, early, closing, owed, *delays = pipeline.execute()
        [waiting] = self.waiting(self.client, [self])
        oldest = closing or owed
        return Status(
            counts={name: int(state.get(name.encode(), 0)) for name in COUNTERS},
            first_arrival_ms=_ms(state.get(b"first")),
            remembered=remembered,
            early_waiting=early,
            oldest_positive_ms=int(oldest.split()[2]) if oldest else None,
            oldest_impression_ms=waiting.impression_ms,
            curve=DelayCurve.sum_of(
                {int(bucket): int(count) for bucket, count in day.items()} for day in delays
            ),
        )

    def delete(self) -> None:
        """Forget everything."""
        with unavailable_as_such():
            for key in self.client.scan_iter(f"{self.key_prefix}:*", count=1_000):
                self.client.unlink(key)


def _answered(request: Request, answer: bytes) -> list[Any]:
    """What the script answered beside the digest of the request that it answered."""
    digest, *rest = msgspec.msgpack.decode(answer)
    if digest != request.digest:
        raise RequestConflict(request.batch_id)
    return rest


def _ms(value: bytes | None) -> int | None:
    return None if value is None else int(value)
