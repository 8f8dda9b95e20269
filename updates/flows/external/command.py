"""Start a trainer as a command on this worker, and watch it to its end.

The worker keeps the run's lease as long as the command lives; what the command has learned it
reports over the API, as other trainers do.
"""

from __future__ import annotations

import json
import logging
import os
import tempfile
import time
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from updates.flows.external.process import Ended, Process
from updates.flows.external.reports import AttemptOver, end, out_of_time, renew
from updates.flows.external.tokens import mint
from updates.flows.external.told import told
from updates.models import Assignment, UpdateRun

logger = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
RENEW_SECONDS = 3.0
# After its last report it may put things away for so long.
TIDYING_SECONDS = 10.0
SHOWN_CHARACTERS = 300
RUN_FILE = "run.json"


def see_through(assignment: Assignment) -> None:
    """Start the command; however it ends, so does the attempt."""
    run, options = assignment.run, assignment.run.recommender.new_learner().settings
    command = options["command"]
    if command[0] not in settings.EXTERNAL_COMMANDS:
        why = f"{command[0]} is not among the programs that workers may start: EXTERNAL_COMMANDS."
        end(run, assignment.attempt, why)
        return
    with tempfile.TemporaryDirectory(prefix="recadmin-run-", ignore_cleanup_errors=True) as folder:
        memory = options["memory_limit_mb"] * 2**20
        process = Process(command, _environment(assignment, Path(folder)), Path(folder), memory)
        try:
            _watch(assignment, process)
        finally:
            ended = process.stop()
            _note_end(assignment, process, ended)


def _environment(assignment: Assignment, folder: Path) -> dict[str, str]:
    """Nothing of the worker's own but what settings name: its secrets are in there."""
    file = folder / RUN_FILE
    file.touch(mode=0o600)
    file.write_text(json.dumps(told(assignment)))
    allowed = {k: os.environ[k] for k in settings.EXTERNAL_ENVIRONMENT if k in os.environ}
    return allowed | {
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "RECADMIN_RUN": str(file),
        "RECADMIN_URL": settings.PUBLIC_URL,
        "RECADMIN_TOKEN": mint(assignment),
    }


def _watch(assignment: Assignment, process: Process) -> None:
    """Until the process has ended or must end."""
    run, renew_at = assignment.run, 0.0
    while not process.wait(LOOK_SECONDS):
        now = time.monotonic()
        try:
            if not run.is_of(assignment.attempt):
                if _has_reported_its_end(assignment):
                    process.wait(TIDYING_SECONDS)
                return
            if timezone.now() >= assignment.deadline_at:
                out_of_time(assignment)
                return
            if now >= renew_at:
                renew(assignment, timezone.now())
                assignment.note(output=process.output)
                renew_at = now + RENEW_SECONDS
        except AttemptOver as over:
            logger.info("%s", over)
            return
        except DatabaseError:
            # The lease outlives a short trouble; a long one ends in AttemptOver.
            logger.exception("watching %s", assignment)


def _has_reported_its_end(assignment: Assignment) -> bool:
    """Whether the attempt is over by its own word, and not because it was taken away."""
    assignment.refresh_from_db(fields=["answered_sha256"])
    return bool(assignment.answered_sha256)


def _note_end(assignment: Assignment, process: Process, ended: Ended) -> None:
    """Output and cost; failed, where it has not reported its end before."""
    run = assignment.run
    assignment.note(output=process.output)
    cost = {"cpu_seconds": ended.cpu_seconds, "peak_memory_bytes": ended.peak_memory_bytes}
    UpdateRun.objects.filter(pk=run.pk, attempt=assignment.attempt).update(**cost)
    lines = process.output.split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    said = f" Its last line: {last[:SHOWN_CHARACTERS]}" if last else ""
    try:
        end(run, assignment.attempt, f"The command {ended.how} and had published nothing.{said}")
    except AttemptOver as over:
        logger.info("%s", over)
