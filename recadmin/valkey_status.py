"""What Valkey says of itself, of Celery's queues and of the processes, in one round trip."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from recadmin import heartbeats, queues
from recadmin.heartbeats import Heartbeat
from recadmin.queues import Queue
from recadmin.valkey import impatient

# A sync of the disk may hold every answer up for a while.
PATIENCE_SECONDS = 1.0


@dataclass(frozen=True)
class ValkeyStatus:
    """Valkey at one instant.

    undurable : why it cannot promise that samples are on disk, "" where it can.
    memory_limit_bytes : its ``maxmemory``, None where it has none.
    """

    undurable: str
    memory_bytes: int
    memory_limit_bytes: int | None
    queues: list[Queue]
    processes: list[Heartbeat]

    @property
    def beat(self) -> Heartbeat | None:
        """The beat that ticked last."""
        beats = [process for process in self.processes if not process.queues]
        return max(beats, key=lambda beat: beat.at, default=None)

    @property
    def workers(self) -> list[Heartbeat]:
        """All but beats."""
        return [process for process in self.processes if process.queues]

    def workers_of(self, queue: str) -> list[Heartbeat]:
        """Those that take messages from that queue."""
        return [worker for worker in self.workers if queue in worker.queues]


def valkey_status(now: datetime) -> ValkeyStatus:
    """Ask now. Raises RedisError within a second or two where there is no answer."""
    with impatient(PATIENCE_SECONDS).pipeline(transaction=False) as pipeline:
        pipeline.info("memory")
        pipeline.info("persistence")
        pipeline.config_get("appendfsync")
        pipeline.hgetall(heartbeats.KEY)
        queues.ask(pipeline)
        replies = pipeline.execute(raise_on_error=False)
    memory, persistence, appendfsync, fields, *lengths = replies
    # Hosted servers may hide their configuration; nothing else may be refused.
    for reply in (memory, persistence, fields, *lengths):
        if isinstance(reply, Exception):
            raise reply
    sync = "" if isinstance(appendfsync, Exception) else appendfsync.get("appendfsync", "")
    return ValkeyStatus(
        undurable=_undurable(persistence, sync),
        memory_bytes=memory["used_memory"],
        memory_limit_bytes=memory["maxmemory"] or None,
        queues=queues.read(lengths),
        processes=heartbeats.known(fields, now),
    )


def _undurable(persistence: dict[str, object], appendfsync: str) -> str:
    """The embedded server is not asked after each write whether that is on disk: it must always
    be."""
    if not persistence["aof_enabled"]:
        return "Valkey keeps no append-only file."
    if persistence["aof_last_write_status"] != "ok":
        return "Valkey could not write its append-only file."
    if appendfsync == "no" or (settings.EMBEDDED_VALKEY and appendfsync != "always"):
        return "Valkey does not sync its append-only file as it must."
    return ""
