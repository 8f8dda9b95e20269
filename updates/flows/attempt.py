"""A worker's hold on a run: lease, heartbeat, progress and cost, for as long as it works."""

import logging
import resource
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from updates import signals
from updates.models import ComponentLease, UpdateRun
from updates.models.lease import LeaseLost
from updates.models.policy import Strategy

logger = logging.getLogger(__name__)

# So often it is read whether the run is still ours: its worker then stops well within 2 s.
LOOK_SECONDS = 0.5
# So often, at most, what has changed of its progress is written.
NOTE_SECONDS = 1.0
# So often, at least, all is written and the lease renewed, which lasts three times as long.
RENEW_SECONDS = 3.0
TAKEN_AWAY = "the run was cancelled or given to another worker"


class Stopped(RuntimeError):
    """The run is no longer this attempt's: cancelled, or given to another worker."""


class Attempt:
    """Context in which a run is executed; ``progress`` raises Stopped once it must end."""

    def __init__(self, run: UpdateRun, fences: dict[str, int], number: int) -> None:
        self.run = run
        self.fences = fences
        self.number = number
        self._progress: tuple[str, int, int | None] = ("starting", 0, None)
        self._noted, self._noted_at = self._progress, time.monotonic()
        self._stopped = ""
        self._finished = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat-{run.pk}", daemon=True)
        # Sessions share their process: of its time only that of their own threads is theirs.
        self._clock = time.thread_time if run.strategy == Strategy.ONLINE else time.process_time
        self._cpu = self._cpu_elsewhere = 0.0

    def __enter__(self) -> Self:
        _reset_peak_memory()
        self._wall = time.monotonic()
        self._cpu_before = self._clock()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._finished.set()
        self._thread.join()
        self._count_cpu()
        UpdateRun.objects.filter(pk=self.run.pk, attempt=self.number).update(**self._state())
        ComponentLease.release(self.run, self.fences)

    def hold(self, fences: dict[str, int]) -> None:
        """Keep these leases too, to the end. Raises Stopped when the run has been taken away."""
        self.fences = {**self.fences, **fences}
        if not self.run.note(self.number, fences=self.fences):
            raise Stopped(TAKEN_AWAY)

    def progress(self, phase: str, done: int, total: int | None) -> None:
        """Say how far it is; raises Stopped when the run has been taken away."""
        self._progress = (phase, done, total)
        self._count_cpu()
        if self._stopped:
            raise Stopped(self._stopped)

    def spend(self, cpu_seconds: float) -> None:
        """Count what another thread has spent on the run."""
        self._cpu_elsewhere += cpu_seconds

    def _count_cpu(self) -> None:
        # By the thread at work: the heartbeat cannot read another thread's clock.
        self._cpu = self._clock() - self._cpu_before + self._cpu_elsewhere

    def _beat(self) -> None:
        renewed = self._noted_at
        try:
            while not self._finished.wait(LOOK_SECONDS) and not self._stopped:
                now = time.monotonic()
                try:
                    if now - renewed >= RENEW_SECONDS:
                        with transaction.atomic():
                            ComponentLease.renew(self.run, self.fences, timezone.now())
                            self._note(now)
                        renewed = now
                    elif now - self._noted_at >= NOTE_SECONDS and self._progress != self._noted:
                        self._note(now)
                    elif not self.run.is_of(self.number):
                        self._stopped = TAKEN_AWAY
                except LeaseLost as lost:
                    self._stopped = str(lost)
                except DatabaseError:
                    # The lease outlives a short trouble; a long one ends in LeaseLost.
                    logger.exception("heartbeat of run %s", self.run.pk)
        finally:
            connection.close()

    def _note(self, now: float) -> None:
        before, since = self._noted, self._noted_at
        self._noted, self._noted_at = self._progress, now
        (phase, done, _), (earlier, from_, _) = self._noted, before
        pace = max(0.0, done - from_) / (now - since) if phase == earlier else None
        if not self.run.note(self.number, progress_per_second=pace, **self._state()):
            self._stopped = TAKEN_AWAY
        signals.progress.send(UpdateRun, run=self.run)

    def _state(self) -> dict[str, object]:
        phase, done, total = self._progress
        return {
            "progress_phase": phase,
            "progress_done": done,
            "progress_total": total,
            "cpu_seconds": self._cpu,
            "wall_seconds": time.monotonic() - self._wall,
            "peak_memory_bytes": _peak_memory_bytes(),
        }


def _reset_peak_memory() -> None:
    """Have the kernel count the peak from now (proc(5), clear_refs), where it lets us."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        logger.debug("peak memory counts from the start of this process")


def _peak_memory_bytes() -> int:
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return int(status.split("VmHWM:")[1].split()[0]) * 1024
