"""A worker's hold on a run: lease, heartbeat, progress and cost, for as long as it works."""

import logging
import resource
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from django.db import DatabaseError, connection
from django.utils import timezone

from updates import signals
from updates.models import ComponentLease, UpdateRun
from updates.models.lease import LeaseLost

logger = logging.getLogger(__name__)

# Four a second: a cancelled run's worker knows within a quarter of a second.
HEARTBEAT_SECONDS = 0.25
RENEW_SECONDS = 2.0


class Stopped(RuntimeError):
    """The run is no longer this attempt's: cancelled, or given to another worker."""


class Attempt:
    """Context in which a run is executed; ``progress`` raises Stopped once it must end."""

    def __init__(self, run: UpdateRun, fences: dict[str, int], number: int) -> None:
        self.run = run
        self.fences = fences
        self.number = number
        self._progress: tuple[str, int, int | None] = ("starting", 0, None)
        self._stopped = ""
        self._finished = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat-{run.pk}", daemon=True)

    def __enter__(self) -> Self:
        _reset_peak_memory()
        self._wall = time.monotonic()
        self._cpu = time.process_time()
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
        UpdateRun.objects.filter(pk=self.run.pk, attempt=self.number).update(**self._state())
        ComponentLease.release(self.run, self.fences)

    def hold(self, fences: dict[str, int]) -> None:
        """Keep these leases too, to the end. Raises Stopped when the run has been taken away."""
        self.fences = {**self.fences, **fences}
        if not self.run.note(self.number, fences=self.fences):
            raise Stopped("the run was cancelled or given to another worker")

    def progress(self, phase: str, done: int, total: int | None) -> None:
        """Say how far it is; raises Stopped when the run has been taken away."""
        self._progress = (phase, done, total)
        if self._stopped:
            raise Stopped(self._stopped)

    def _beat(self) -> None:
        renewed = time.monotonic()
        try:
            while not self._finished.wait(HEARTBEAT_SECONDS) and not self._stopped:
                try:
                    if time.monotonic() - renewed > RENEW_SECONDS:
                        ComponentLease.renew(self.run, self.fences, timezone.now())
                        renewed = time.monotonic()
                    if not self.run.note(self.number, **self._state()):
                        self._stopped = "the run was cancelled or given to another worker"
                except LeaseLost as lost:
                    self._stopped = str(lost)
                except DatabaseError:
                    # The lease outlives a short trouble; a long one ends in LeaseLost.
                    logger.exception("heartbeat of run %s", self.run.pk)
                signals.progress.send(UpdateRun, run=self.run)
        finally:
            connection.close()

    def _state(self) -> dict[str, object]:
        phase, done, total = self._progress
        return {
            "progress_phase": phase,
            "progress_done": done,
            "progress_total": total,
            "cpu_seconds": time.process_time() - self._cpu,
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
