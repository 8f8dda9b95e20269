"""Celery's side of the heartbeats: workers and beat say that they live, messages when they left.

A worker beats from the loop that takes its messages, so that one whose loop hangs falls silent; a
beat whenever a message of its schedule has reached Valkey.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import redis
from celery import Celery, bootsteps
from celery.signals import after_task_publish, beat_init, before_task_publish
from celery.worker import state
from celery.worker.consumer import Consumer

from recadmin.heartbeats import EVERY_SECONDS, Pulse
from recadmin.queues import SENT_AT

logger = logging.getLogger(__name__)


class PulseStep(bootsteps.StartStopStep):
    """A step of the worker's consumer: begun again whenever its connection is."""

    requires = {"celery.worker.consumer.tasks:Tasks"}

    def __init__(self, consumer: Consumer, **kwargs: Any) -> None:
        super().__init__(consumer, **kwargs)
        self._timer: Any = None
        self._pulse = Pulse(consumer.hostname, queues=tuple(consumer.app.amqp.queues.consume_from))

    def start(self, consumer: Consumer) -> None:
        """Begin to beat."""
        self._beat(consumer)
        self._timer = consumer.timer.call_repeatedly(EVERY_SECONDS, self._beat, (consumer,))

    def stop(self, consumer: Consumer) -> None:
        """The consumer takes no more messages; its tasks may go on for long."""
        if self._timer is not None:
            self._timer.cancel()
        if state.should_stop is not None:
            # Where all are told to stop at once, Valkey may be gone already.
            with suppress(redis.RedisError):
                self._say(consumer, stopping=True)

    def shutdown(self, consumer: Consumer) -> None:
        """All tasks have ended."""
        with suppress(redis.RedisError):
            self._pulse.end()

    def _beat(self, consumer: Consumer) -> None:
        with _logged():
            self._say(consumer)

    def _say(self, consumer: Consumer, *, stopping: bool = False) -> None:
        pool = consumer.pool.info
        self._pulse.beat(
            children=tuple(pool.get("processes", ())),
            slots=pool["max-concurrency"],
            tasks=tuple(sorted(request.name for request in state.active_requests)),
            stopping=stopping,
        )


def install(app: Celery) -> None:
    """Have the processes of this application tell of themselves."""
    app.steps["consumer"].add(PulseStep)
    before_task_publish.connect(_say_when)
    beat_init.connect(_follow_beat)


def _say_when(headers: dict[str, Any], **_: Any) -> None:
    headers[SENT_AT] = time.time()


def _follow_beat(**_: Any) -> None:
    pulse = Pulse(f"beat@{socket.gethostname()}")

    def beat(**_: Any) -> None:
        with _logged():
            pulse.beat()

    after_task_publish.connect(beat, weak=False)


@contextmanager
def _logged() -> Iterator[None]:
    """Work goes on without heartbeats: a Valkey that is away shows by itself."""
    try:
        yield
    except redis.RedisError as error:
        logger.warning("heartbeat: %s", error)
