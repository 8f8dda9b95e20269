"""Model and offset to disk together, so that a successor goes on to the bit."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Self

from django.db import connection
from django.utils import timezone

from updates.flows.attempt import Attempt
from updates.flows.publish import about
from updates.models import Checkpoint, ModelVersion, UpdateRun
from updates.store import artifacts
from updates.strategies.base import Candidate

if TYPE_CHECKING:
    from updates.flows.online.position import Standing


class Saver:
    """Context that writes a session's checkpoints beside it, one at a time.

    What learning waits for is a copy of the model in memory, not its way to disk. On leaving, one
    that is under way is waited for: nothing is written after the session has ended.
    """

    def __init__(self, run: UpdateRun, attempt: Attempt) -> None:
        self.run, self.attempt = run, attempt
        self._thread = ThreadPoolExecutor(1, f"checkpoint-{run.pk}")
        self._saving: Future[int] | None = None
        self._saved_offset = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._thread.shutdown()

    @property
    def busy(self) -> bool:
        """Whether a checkpoint is being written."""
        return self._saving is not None and not self._saving.done()

    def begin(self, standing: Standing) -> None:
        """Write what is learned by now, unless that is written; returns before it is."""
        candidate = standing.learning.candidate
        if candidate.next_offset != self._saved_offset:
            self._saved_offset = candidate.next_offset
            self._saving = self._thread.submit(self._write, standing, standing.learning.frozen())

    def end(self) -> int:
        """What ``write`` returned for the one begun last, once; 0 where there is none.

        Waits for it. Raises what it raised.
        """
        saving, self._saving = self._saving, None
        return saving.result() if saving else 0

    def _write(self, standing: Standing, frozen: Candidate) -> int:
        began = time.thread_time()
        try:
            return write(self.run, self.attempt.fences, standing, frozen)
        finally:
            self.attempt.spend(time.thread_time() - began)
            connection.close()


def write(run: UpdateRun, fences: dict[str, int], standing: Standing, candidate: Candidate) -> int:
    """Make what was learned durable. Returns the offset that every process can reach without the
    deltas before it: that of the checkpoint replaced, 0 where there was none.

    Raises LeaseLost, with the former checkpoint still in place.
    """
    known = Checkpoint.objects.filter(recommender=run.recommender, epoch=standing.epoch).first()
    if known is not None and _is_of(known, standing, candidate):
        return 0
    artifact = artifacts().publish(candidate.learner.save, about(candidate))
    replaced = Checkpoint.write(
        run,
        fences,
        epoch=standing.epoch,
        base=standing.base,
        digest=artifact.digest,
        learner=candidate.learner.name,
        learner_options=candidate.learner.settings,
        schema=candidate.learner.schema.to_json(),
        next_offset=candidate.next_offset,
        watermark=candidate.watermark,
        learned_ranges=candidate.ranges,
        components={name: part.to_json() for name, part in candidate.parts.items()},
        steps=candidate.steps,
        samples=candidate.samples,
        written_at=timezone.now(),
    )
    if replaced and replaced != artifact.digest:
        drop(replaced)
    return known.next_offset - 1 if known else 0


def _is_of(known: Checkpoint, standing: Standing, candidate: Candidate) -> bool:
    learner, base = candidate.learner, standing.base
    return (known.next_offset, known.base_id, known.learner_options, known.schema) == (
        candidate.next_offset,
        base.pk if base else None,
        learner.settings,
        learner.schema.to_json(),
    )


def drop(digest: str) -> None:
    """Delete the files of a checkpoint that was replaced, unless others have the same content."""
    versions = ModelVersion.objects.filter(digest=digest, pruned_at=None)
    if not versions.exists() and not Checkpoint.objects.filter(digest=digest).exists():
        artifacts().delete(digest)
