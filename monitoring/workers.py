"""What the page of the workers says: who lives, what each is at, and what waits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from recadmin.heartbeats import Heartbeat, ProcessState
from recadmin.queues import Queue
from recadmin.valkey_status import ValkeyStatus
from updates.models import UpdateRun
from updates.models.run import WRITING

# A run says more of itself than the task that executes it.
SHOWN_AS_RUNS = "updates.tasks.execute_run"


@dataclass(frozen=True)
class WorkerRow:
    """A worker process, the runs that it has and the other tasks that it is at."""

    process: Heartbeat
    state: ProcessState
    runs: list[UpdateRun]
    tasks: list[str]


@dataclass(frozen=True)
class QueueRow:
    """A queue, how many living workers take from it, and at how many tasks these are and can be."""

    queue: Queue
    workers: int
    busy: int
    slots: int


def active_runs() -> list[UpdateRun]:
    """Runs that some process has taken: one query."""
    return list(UpdateRun.objects.active().filter(state__in=WRITING).select_related("recommender"))


def worker_rows(
    status: ValkeyStatus, runs: Sequence[UpdateRun], now: datetime
) -> tuple[list[WorkerRow], list[UpdateRun]]:
    """A row a worker process, and the runs that no process has that is known here: a command's, or
    those of one that died long ago."""
    by_worker = defaultdict(list)
    for run in runs:
        by_worker[run.worker].append(run)
    rows = [
        WorkerRow(
            process,
            process.state(now),
            [run for name in sorted(process.workers) for run in by_worker.pop(name, ())],
            [_words(task) for task in process.tasks if task != SHOWN_AS_RUNS],
        )
        for process in status.workers
    ]
    return rows, [run for left in by_worker.values() for run in left]


def queue_rows(status: ValkeyStatus, now: datetime) -> list[QueueRow]:
    """A row a queue."""
    return [_queue_row(queue, status, now) for queue in status.queues]


def _queue_row(queue: Queue, status: ValkeyStatus, now: datetime) -> QueueRow:
    alive = [w for w in status.workers_of(queue.name) if w.state(now) == ProcessState.ALIVE]
    busy = sum(len(worker.tasks) for worker in alive)
    return QueueRow(queue, len(alive), busy, sum(worker.slots for worker in alive))


def _words(task: str) -> str:
    return task.rpartition(".")[2].replace("_", " ")
