"""Which workers and beats live: each process says so in Valkey every few seconds.

All of them write into one hash, a field each. A process that ends as it should takes its field
away; one that dies leaves it, and is known to be gone by the age of what it said last.
"""

from __future__ import annotations

import enum
import os
import socket
from collections.abc import Mapping
from datetime import datetime, timedelta

import msgspec
from django.utils import timezone

from recadmin.valkey import impatient

KEY = "recadmin:processes"
EVERY_SECONDS = 5.0
# A worker's loop waits no longer than this for one to be written.
PATIENCE_SECONDS = 1.0
# Three heartbeats missed, and a little for a machine that is busy.
MAY_BE_SILENT = timedelta(seconds=20)
# So long it is shown that a process has died.
KEPT = timedelta(minutes=10)


class ProcessState(enum.StrEnum):
    """Of a worker or beat: at work; ending as it was told to; not heard of for too long."""

    ALIVE = "alive"
    STOPPING = "stopping"
    GONE = "gone"


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True):
    """What a process says of itself.

    name : the worker's node name, or ``beat@host``; its successor has the same.
    queues : those that it takes messages from; a beat has none.
    children : process ids of its pool; empty where its own threads do the work.
    slots : tasks that it can be at, at once. tasks : names of those that it is at.
    at : when it said this. stopping : whether it ends once its tasks have.
    """

    name: str
    host: str
    pid: int
    started_at: datetime
    at: datetime
    queues: tuple[str, ...] = ()
    children: tuple[int, ...] = ()
    slots: int = 0
    tasks: tuple[str, ...] = ()
    stopping: bool = False

    @property
    def field(self) -> str:
        """Its place in the hash."""
        return f"{self.name}:{self.pid}"

    @property
    def workers(self) -> set[str]:
        """Under which names runs say who has them (``UpdateRun.worker``)."""
        return {f"{self.host}:{pid}" for pid in self.children or (self.pid,)}

    def state(self, now: datetime) -> ProcessState:
        """Whether it lives, as far as can be told from here."""
        if self.stopping:
            return ProcessState.STOPPING
        return ProcessState.ALIVE if now - self.at <= MAY_BE_SILENT else ProcessState.GONE


class Pulse:
    """The heartbeats of this process, from now on."""

    def __init__(self, name: str, **facts: object) -> None:
        self._about = {
            "name": name,
            "host": socket.gethostname(),
            "pid": os.getpid(),
            "started_at": timezone.now(),
            **facts,
        }

    def beat(self, **facts: object) -> None:
        """Say that the process lives, and what it does. Raises RedisError."""
        heartbeat = Heartbeat(at=timezone.now(), **self._about, **facts)
        with impatient(PATIENCE_SECONDS).pipeline(transaction=False) as pipeline:
            pipeline.hset(KEY, heartbeat.field, msgspec.json.encode(heartbeat))
            pipeline.expire(KEY, KEPT)
            pipeline.execute()

    def end(self) -> None:
        """The process ends as it should: nobody need look for it. Raises RedisError."""
        impatient(PATIENCE_SECONDS).hdel(KEY, f"{self._about['name']}:{self._about['pid']}")


def known(fields: Mapping[bytes, bytes], now: datetime) -> list[Heartbeat]:
    """The heartbeats in a hash, by name, those of each name with the newest first.

    Without those of processes that died long ago, or of another release that said other things.
    """
    found = []
    for value in fields.values():
        try:
            heartbeat = msgspec.json.decode(value, type=Heartbeat)
        except msgspec.DecodeError:
            continue
        if now - heartbeat.at <= KEPT:
            found.append(heartbeat)
    found.sort(key=lambda heartbeat: heartbeat.at, reverse=True)
    return sorted(found, key=lambda heartbeat: heartbeat.name)
