"""What this process and the installation need, asked now: each thing with what to do about it.

No answer takes longer than ``PATIENCE_SECONDS``, whatever hangs. Nothing said here names a host, a
path or an error's text: whoever reaches the port may read it.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from recadmin.guarded import Guarded
from recadmin.heartbeats import Heartbeat, ProcessState
from recadmin.queues import QUEUES
from recadmin.valkey_status import ValkeyStatus, valkey_status
from updates.words import duration

logger = logging.getLogger(__name__)

PATIENCE_SECONDS = 1.5
# A page cannot be shown without it.
A_STATIC_FILE = "monitoring/recadmin.css"


@dataclass(frozen=True)
class Finding:
    """What a check found.

    ok : None where it could not be asked. said : a sentence. todo : what to do, "" where it is ok.
    since : since when it is so, where that is known from elsewhere than by having asked before.
    """

    ok: bool | None
    said: str
    todo: str = ""
    since: datetime | None = None


Findings = dict[str, Finding]


def _database() -> Findings:
    try:
        applied = MigrationRecorder(connection).applied_migrations()
    finally:
        connection.close()
    missing = sum(leaf not in applied for leaf in _newest_migrations())
    return {
        "database": Finding(True, "The database answers."),
        "migrations": Finding(
            False,
            f"Migrations of {missing} app{'s' * (missing != 1)} have not been applied.",
            "Run “python manage.py migrate”.",
        )
        if missing
        else Finding(True, "All migrations have been applied."),
    }


@cache
def _newest_migrations() -> list[tuple[str, str]]:
    return list(MigrationLoader(None).graph.leaf_nodes())


def _valkey() -> Findings:
    now = timezone.now()
    status = valkey_status(now)
    durable = Finding(True, "Valkey answers, and what it has answered for is on disk.")
    if status.undurable:
        todo = "Run it with “appendonly yes” and “appendfsync always” (or everysec); see its disk."
        durable = Finding(False, status.undurable, todo)
    workers = {f"worker-{queue}": _worker(queue, status, now) for queue in QUEUES}
    return {"valkey": durable, **workers, "beat": _beat(status.beat, now)}


def _worker(queue: str, status: ValkeyStatus, now: datetime) -> Finding:
    workers = status.workers_of(queue)
    alive = [worker for worker in workers if worker.state(now) == ProcessState.ALIVE]
    if alive:
        last = max(worker.at for worker in alive)
        said = f"{len(alive)} alive, last heard of {_ago(last, now)} ago."
        return Finding(True, said, since=min(worker.started_at for worker in alive))
    last = max((worker.at for worker in workers), default=None)
    heard = f"the last was heard of {_ago(last, now)} ago" if last else "none was heard of lately"
    return Finding(
        False,
        f"No worker takes {QUEUES[queue]}: {heard}.",
        f"Start it: the line “{queue}” of the Procfile.",
        last,
    )


def _beat(beat: Heartbeat | None, now: datetime) -> Finding:
    if beat and beat.state(now) == ProcessState.ALIVE:
        return Finding(True, f"Beat ticked {_ago(beat.at, now)} ago.", since=beat.started_at)
    heard = f"Beat ticked last {_ago(beat.at, now)} ago" if beat else "No beat has ticked lately"
    return Finding(
        False,
        f"{heard}: nothing falls due by the clock.",
        "Start it: the line “beat” of the Procfile.",
        beat and beat.at,
    )


def _ago(at: datetime, now: datetime) -> str:
    return duration((now - at).total_seconds())


def _disk() -> Findings:
    free = shutil.disk_usage(settings.RECADMIN_DATA).free
    said = f"{free / 2**30:,.1f} GiB free for the data folder"
    if free >= settings.DISK_FLOOR_BYTES:
        return {"disk": Finding(True, f"{said}.")}
    floor = f"{settings.DISK_FLOOR_BYTES / 2**30:,.1f} GiB"
    todo = "Free some or add some: when none is left, neither samples nor versions can be kept."
    return {"disk": Finding(False, f"{said}, below the floor of {floor}.", todo)}


def _static() -> Findings:
    try:
        staticfiles_storage.url(A_STATIC_FILE)
    except ValueError:
        todo = "Run “python manage.py collectstatic”, then start the web again."
        return {"static": Finding(False, "The manifest of static files lacks some.", todo)}
    return {"static": Finding(True, "Pages find their static files.")}


class Probe:
    """One call, and what is said of each check that it answers where it does not."""

    def __init__(self, ask: Callable[[], Findings], silent: Findings) -> None:
        self.call = Guarded(ask)
        self.silent = silent


_UNASKED = Finding(None, "Not known: Valkey does not answer.", "See to Valkey first.")
PROBES = [
    Probe(
        _database,
        {
            "database": Finding(False, "The database does not answer.", "See to its server."),
            "migrations": Finding(None, "Not known: the database does not answer."),
        },
    ),
    Probe(
        _valkey,
        {
            "valkey": Finding(False, "Valkey does not answer.", "Start it, or see REDIS_URL."),
            **{f"worker-{queue}": _UNASKED for queue in QUEUES},
            "beat": _UNASKED,
        },
    ),
    Probe(_disk, {"disk": Finding(False, "The data folder does not answer.", "See its disk.")}),
    Probe(_static, {"static": Finding(False, "Static files cannot be read.", "See the disk.")}),
]


def run_checks() -> Findings:
    """All of them, each by its name, within ``PATIENCE_SECONDS``."""
    calls = [(probe, probe.call.begin()) for probe in PROBES]
    deadline = time.monotonic() + PATIENCE_SECONDS
    findings: Findings = {}
    for probe, call in calls:
        try:
            findings |= call.result(max(0.0, deadline - time.monotonic()))
        except Exception as error:
            logger.warning("%s: %s %s", ", ".join(probe.silent), type(error).__name__, error)
            findings |= probe.silent
    return findings
