"""A run of a trainer of one's own: samples in, progress and the finished model out."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from recadmin_client.decoding import decode
from recadmin_client.errors import (
    AttemptOver,
    Cancelled,
    Conflict,
    RecadminError,
    ServerFailed,
    Unreachable,
)
from recadmin_client.rows import plain
from recadmin_client.shapes import Heard, RunTask, Span, UpdateRun
from recadmin_client.transport import Transport

if TYPE_CHECKING:
    import pyarrow as pa

logger = logging.getLogger(__name__)

# Beats within one lease: one may be lost without the lease.
BEATS_A_LEASE = 3
# ``progress`` may be called for every batch; so often it asks the server.
REPORT_SECONDS = 1.0
LONGEST_ERROR = 2_000
# What a version's uploaded file is called among its artifacts.
MODEL = "model"


class TrainingRun:
    """A claimed run, trained in a ``with`` block.

    A thread renews the lease while the block runs. Where the run has been cancelled, or another
    attempt has taken it, ``progress`` and ``samples`` raise Cancelled or AttemptOver. A block that
    is left by an exception, or without ``publish``, reports that the run has failed.

    task : what is to be learned. newest_event_time : of the samples read so far.
    """

    def __init__(self, transport: Transport, task: RunTask) -> None:
        self.task = task
        self.newest_event_time: datetime | None = None
        self._newest_held_out: datetime | None = None
        self._transport = transport
        self._path = f"updates/{task.id}"
        self._next_offset: int | None = None
        self._over: Cancelled | AttemptOver | None = None
        self._reported_at = -REPORT_SECONDS
        self._ended = threading.Event()
        self._lease_seconds = task.lease_seconds
        self._beats = threading.Thread(target=self._beat, name=f"run-{task.id}-beats", daemon=True)
        self._published = False

    def samples(self, rows: int = 50_000) -> Iterator[pa.RecordBatch]:
        """What there is to learn, in order, as Arrow batches with offsets; needs pyarrow.

        rows : asked for at once, at most 100,000.
        """
        self._next_offset = self.task.first_offset
        for batch, following in self._read(Span(self._next_offset, self.task.next_offset), rows):
            self.newest_event_time = _newest(batch, self.newest_event_time)
            self._next_offset = following
            yield batch

    def holdout(self, rows: int = 50_000) -> Iterator[pa.RecordBatch]:
        """Samples to predict with the new model; nothing where there are none."""
        if self.task.holdout is not None:
            for batch, _ in self._read(self.task.holdout, rows):
                self._newest_held_out = _newest(batch, self._newest_held_out)
                yield batch

    def base_model(self, path: str | Path) -> Path | None:
        """Save the model that an incremental run builds on; None where the run builds on none.

        Raises NotFound where that was published by reference.
        """
        base = self.task.base_version
        if base is None:
            return None
        where = f"recommenders/{self.task.recommender}/versions/{base}/artifact/{MODEL}"
        file = Path(path)
        file.write_bytes(self._transport.call("GET", where).content)
        return file

    def progress(
        self,
        done: int | None = None,
        total: int | None = None,
        *,
        phase: str | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        """Say how far it is; cheap, as it asks the server once a second at most.

        Raises Cancelled or AttemptOver where there is nothing more to do. A server that cannot be
        reached is no reason to stop: the lease decides.
        """
        self._raise_if_over()
        now = time.monotonic()
        if metrics is None and now - self._reported_at < REPORT_SECONDS:
            return
        self._reported_at = now
        self._report({"phase": phase, "done": done, "total": total, "metrics": metrics})
        self._raise_if_over()

    def publish(
        self,
        path: str | Path | None = None,
        *,
        uri: str | None = None,
        sha256: str | None = None,
        watermark: datetime | None = None,
        next_offset: int | None = None,
        metrics: Mapping[str, float] | None = None,
        predictions: Sequence[float] | None = None,
        base_predictions: Sequence[float] | None = None,
        holdout_learned: bool = False,
    ) -> UpdateRun:
        """Hand over the finished model; the run says whether it was promoted, with the verdict.

        path : of its one file, which is uploaded. Or uri and sha256 of where it lies already.
        watermark : event time up to which it has learned; the newest that ``samples`` gave unless
        said. next_offset : the first that it has not learned; the end of the samples read unless
        said, or of the task where none were. predictions : the new model's, of the holdout's
        samples in their order; without them the gate has nothing to judge. base_predictions : of
        the same samples by the base version, which the new model is then held against.
        holdout_learned : the model has learned the holdout too, once that was predicted: watermark
        and next_offset then reach to its end, unless said. Raises ValueError where these are not
        enough, AttemptOver where the run is over.
        """
        read = self._next_offset
        if holdout_learned and self._newest_held_out and self.task.holdout:
            newest = [self._newest_held_out, self.newest_event_time or self._newest_held_out]
            watermark, read = watermark or max(newest), self.task.holdout.next_offset
        watermark = watermark or self.newest_event_time
        if watermark is None or watermark.tzinfo is None:
            raise ValueError("watermark must be given, with a zone: nothing was read by samples()")
        if next_offset is None:
            next_offset = self.task.next_offset if read is None else read
        report = {
            "watermark": watermark,
            "next_offset": next_offset,
            "metrics": metrics,
            "artifact": self._artifact(path, uri, sha256),
            "predictions": self._predictions(predictions, base_predictions),
        }
        run = decode(UpdateRun, self._tell("publish", report))
        self._published = True
        return run

    def _artifact(
        self, path: str | Path | None, uri: str | None, sha256: str | None
    ) -> dict[str, str]:
        if path is None:
            if uri is None or sha256 is None:
                raise ValueError("give a path, or both uri and sha256")
            return {"sha256": sha256, "uri": uri}
        file = Path(path)
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        self._transport.call(
            "PUT",
            f"{self._path}/artifact",
            content=file,
            params={"attempt": self.task.attempt, "name": file.name},
            headers={"Content-SHA256": digest, "Content-Type": "application/octet-stream"},
        )
        return {"sha256": digest}

    def _predictions(
        self, scores: Sequence[float] | None, base_scores: Sequence[float] | None
    ) -> dict[str, Any] | None:
        if scores is None:
            return None
        holdout = self.task.holdout
        if holdout is None or holdout.first_offset == holdout.next_offset:
            raise ValueError("there is no holdout to predict")
        given = {"first_offset": holdout.first_offset, "scores": _numbers(scores)}
        return given if base_scores is None else given | {"base_scores": _numbers(base_scores)}

    def _read(self, span: Span, rows: int) -> Iterator[tuple[pa.RecordBatch, int]]:
        """Batches of the samples, each with the first offset after it."""
        import pyarrow as pa

        first: int | None = span.first_offset
        while first is not None and first < span.next_offset:
            self._raise_if_over()
            asked = {"first_offset": first, "next_offset": span.next_offset, "limit": rows}
            answer = self._transport.call("GET", f"{self._path}/samples", params=asked)
            following = answer.headers.get("Next-Offset")
            first = None if following is None else int(following)
            with pa.ipc.open_stream(answer.content) as stream:
                table = stream.read_all().combine_chunks()
            for batch in table.to_batches():
                yield batch, span.next_offset if first is None else first

    def _tell(self, what: str, report: Mapping[str, Any]) -> Any:
        """Report under the attempt's number; raises AttemptOver."""
        fenced = {"attempt": self.task.attempt, **report}
        return self._transport.post(f"{self._path}/{what}", fenced, once=False)

    def _report(self, report: Mapping[str, Any]) -> None:
        try:
            told = self._tell("progress", report)
        except AttemptOver as over:
            self._over = over
        except (Unreachable, ServerFailed, Conflict) as error:
            logger.warning("run %d: progress was not taken: %s", self.task.id, error)
        else:
            heard = decode(Heard, told)
            self._lease_seconds = heard.lease_seconds
            if heard.cancelled:
                self._over = Cancelled(f"run {self.task.id} was cancelled")

    def _raise_if_over(self) -> None:
        if self._over is not None:
            raise self._over

    def _beat(self) -> None:
        while not self._ended.wait(self._lease_seconds / BEATS_A_LEASE):
            try:
                self._report({})
            except Exception as error:
                # The thread must live: what is refused now may be mended within the lease.
                if not self._ended.is_set():
                    logger.warning("run %d: no heartbeat: %s", self.task.id, error)
            if self._over is not None:
                return

    def __enter__(self) -> Self:
        self._beats.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if not self._published and self._over is None and not isinstance(error, AttemptOver):
                self._fail("ended without publishing" if kind is None else _words(kind, error))
        finally:
            self._ended.set()

    def _fail(self, why: str) -> None:
        try:
            self._tell("fail", {"error": why[:LONGEST_ERROR]})
        except RecadminError as error:
            # What went wrong first is what the caller must see; the lease ends the run.
            logger.warning("run %d: its failure was not taken: %s", self.task.id, error)


def _newest(batch: pa.RecordBatch, known: datetime | None) -> datetime:
    import pyarrow.compute as pc

    newest: datetime = pc.max(batch["event_time"]).as_py()
    return newest if known is None else max(newest, known)


def _numbers(scores: Sequence[float]) -> Any:
    return list(scores) if isinstance(scores, list | tuple) else plain(scores)


def _words(kind: type[BaseException], error: BaseException | None) -> str:
    return f"{kind.__name__}: {error}" if str(error) else kind.__name__
