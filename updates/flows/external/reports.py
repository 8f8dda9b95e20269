"""What trainers report of a run under way. Every report names its attempt: one that is over changes
nothing any more."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone

from updates import signals
from updates.learners.external import Runner
from updates.models import Assignment, ComponentLease, UpdateRun
from updates.models.lease import LEASE_SECONDS, LeaseLost
from updates.models.run import IllegalRunMove, RunState

MOST_METRICS = 200


class AttemptOver(RuntimeError):
    """The attempt that a trainer reports of has ended, or another one has taken its place."""

    def __init__(self, run: UpdateRun, attempt: int) -> None:
        super().__init__(
            f"Attempt {attempt} of run {run.pk} is over: the run is {run.state}"
            f"{f' in attempt {run.attempt}' if run.attempt != attempt else ''}."
        )


@dataclass(frozen=True)
class Heard:
    """The answer to a report of progress."""

    state: str
    lease_seconds: int
    cancelled: bool


def lease_seconds(run: UpdateRun) -> int:
    """How long the run's trainer may be silent; of a command the worker that answers for it."""
    options = run.recommender.new_learner().settings
    return LEASE_SECONDS if options["runner"] == Runner.COMMAND else int(options["lease_seconds"])


def at_work(run: UpdateRun, attempt: int) -> Assignment:
    """The assignment of an attempt under way. Raises AttemptOver."""
    assignment = Assignment.of(run)
    if assignment is None or not run.is_of(attempt):
        run.refresh_from_db(fields=["state", "attempt"])
        raise AttemptOver(run, attempt)
    assignment.run = run
    return assignment


def hear(
    run: UpdateRun,
    attempt: int,
    *,
    phase: str | None = None,
    done: int | None = None,
    total: int | None = None,
    metrics: dict[str, float] | None = None,
) -> Heard:
    """Progress, which is also the heartbeat: the lease is renewed. Raises AttemptOver."""
    if run.state == RunState.CANCELLED and run.attempt == attempt:
        return Heard(run.state, lease_seconds(run), cancelled=True)
    assignment, now = at_work(run, attempt), timezone.now()
    if now >= assignment.deadline_at:
        out_of_time(assignment)
        raise AttemptOver(run, attempt)
    renew(assignment, now)
    fields = {"wall_seconds": (now - run.started_at).total_seconds()}
    if (phase, done, total) != (None, None, None):
        phase = phase or run.progress_phase or "training"
        fields |= {"progress_phase": phase, "progress_done": done or 0, "progress_total": total}
    if not run.note(attempt, **fields):
        run.refresh_from_db(fields=["state", "attempt"])
        raise AttemptOver(run, attempt)
    # Who reports has been reached.
    assignment.note(deliver_at=None, reported=reported(assignment, metrics))
    run.refresh_from_db()
    signals.progress.send(UpdateRun, run=run)
    return Heard(run.state, lease_seconds(run), cancelled=False)


def reported(assignment: Assignment, metrics: dict[str, float] | None) -> dict[str, float]:
    """What was reported before, with the new: of the newest MOST_METRICS names."""
    both = assignment.reported | (metrics or {})
    return dict(list(both.items())[-MOST_METRICS:])


def renew(assignment: Assignment, now: datetime, seconds: float | None = None) -> None:
    """Let the trainer be silent for so long from now, within its time. Raises AttemptOver."""
    run = assignment.run
    left = (assignment.deadline_at - now).total_seconds()
    seconds = min(lease_seconds(run) if seconds is None else seconds, left)
    try:
        ComponentLease.renew(run, run.fences, now, seconds)
    except LeaseLost as lost:
        run.refresh_from_db(fields=["state", "attempt"])
        raise AttemptOver(run, assignment.attempt) from lost


def out_of_time(assignment: Assignment) -> None:
    """Fail what takes longer than it may."""
    run = assignment.run
    seconds = round((assignment.deadline_at - run.started_at).total_seconds())
    end(run, assignment.attempt, f"It took longer than its time limit of {seconds:,} s.")


def end(run: UpdateRun, attempt: int, why: str, **fields: Any) -> None:
    """Running → failed; its leases are free. Raises AttemptOver."""
    wall = (timezone.now() - run.started_at).total_seconds()
    try:
        with transaction.atomic():
            run.move(
                RunState.FAILED, why=why, as_attempt=attempt, **{"wall_seconds": wall, **fields}
            )
            ComponentLease.release(run, run.fences)
    except IllegalRunMove as illegal:
        run.refresh_from_db(fields=["state", "attempt"])
        raise AttemptOver(run, attempt) from illegal


def fail(run: UpdateRun, attempt: int, error: str) -> None:
    """The trainer gives up. The same report again changes nothing. Raises AttemptOver."""
    said = fingerprint({"error": error})
    if is_answered(run, attempt, said):
        return
    assignment = at_work(run, attempt)
    with transaction.atomic():
        end(run, attempt, error)
        assignment.note(answered_sha256=said, deliver_at=None)


def fingerprint(report: dict[str, Any]) -> str:
    """SHA-256 by which a report that comes again is known."""
    return hashlib.sha256(json.dumps(report, sort_keys=True, default=str).encode()).hexdigest()


def is_answered(run: UpdateRun, attempt: int, said: str) -> bool:
    """Whether just this report has ended the run."""
    return Assignment.objects.filter(run=run, attempt=attempt, answered_sha256=said).exists()
