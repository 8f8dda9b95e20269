"""Jobs: told to a worker, seen through by one, failed where that one died.

A job publishes nothing and takes no lease: it reads what never changes. Who works on one says so in
Valkey; where that ends without an outcome the tick fails the job, and it may be asked for again. It
is not taken up by itself: what killed one worker would kill the next.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple, Self

import redis
from celery import current_app
from django.db import DatabaseError
from django.db import connection as database
from kombu.exceptions import OperationalError

from recadmin.valkey import connection
from updates.models.job import FAILED, QUEUED, UNDER_WAY, Job
from updates.words import sentence

logger = logging.getLogger(__name__)

BEAT_SECONDS = 1.0
ALIVE_SECONDS = 15
NUDGE_AGAIN_SECONDS = 5


class Stopped(RuntimeError):
    """The job is no longer this worker's: it was cancelled, given up for dead, or deleted."""


class Outcome(NamedTuple):
    """What came of a job: the state that it ends in, a sentence, and further fields."""

    state: str
    sentence: str
    found: dict[str, Any] = {}


def nudge(job: Job) -> None:
    """Tell a worker, at most every few seconds; a lost message is sent again by the tick."""
    try:
        if connection().set(_key(job, "nudged"), 1, nx=True, ex=NUDGE_AGAIN_SECONDS):
            current_app.send_task(job.task, args=[job.pk], queue="runs", retry=False)
    except (redis.RedisError, OperationalError, OSError) as error:
        logger.warning("%s %s is queued, but no worker was told: %s", job.word, job.pk, error)


def look_after(kind: type[Job]) -> None:
    """Remind workers of what is queued; fail what its worker stopped answering for."""
    for job in kind._default_manager.filter(state__in=UNDER_WAY):
        if job.state == QUEUED:
            nudge(job)
        elif not connection().exists(_key(job, "alive")):
            job.end(FAILED, "Its worker stopped answering; ask for it again.")


def see_through(
    job: Job, work: Callable[[AtWork], Outcome], foreseen: tuple[type[Exception], ...]
) -> None:
    """Take a queued job and do the work to its outcome; nothing where it was not to be had.

    foreseen : reasons to fail that are a sentence of their own; of others the kind is said too.
    """
    if job.state != QUEUED:
        return
    # Before the claim, so that no tick finds it running and nobody at work.
    say_alive(job)
    if not job.claim():
        return
    with AtWork(job) as at_work:
        try:
            outcome = work(at_work)
        except Stopped as stopped:
            logger.info("%s", stopped)
            return
        except foreseen as reason:
            outcome = Outcome(FAILED, sentence(str(reason)))
        except Exception as error:
            logger.exception("%s %s failed", job.word, job.pk)
            outcome = Outcome(FAILED, sentence(f"{type(error).__name__}: {error}"))
    job.end(outcome.state, outcome.sentence, **outcome.found)


class AtWork:
    """Says that a worker is at it and how far, for as long as it is."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.samples = 0
        self._stopped = False
        self._finished = threading.Event()
        name = f"{job.word}-{job.pk}"
        self._thread = threading.Thread(target=self._beat, name=name, daemon=True)

    def __enter__(self) -> Self:
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
        self._note()

    def count(self, samples: int) -> None:
        """So many more samples were read to be learned."""
        self.samples += samples
        self.progress("learning", self.samples, None)

    def progress(self, phase: str, done: int, total: int | None) -> None:
        """Raises Stopped when the job has been taken away."""
        if self._stopped:
            raise Stopped(f"{self.job.word} {self.job.pk} is not under way any more")

    def _beat(self) -> None:
        try:
            while not self._finished.wait(BEAT_SECONDS) and not self._stopped:
                try:
                    say_alive(self.job)
                    self._stopped = not self._note()
                except (redis.RedisError, DatabaseError):
                    logger.exception("heartbeat of %s %s", self.job.word, self.job.pk)
        finally:
            database.close()

    def _note(self) -> bool:
        spent = time.process_time() - self._cpu
        return self.job.note(samples=self.samples, cpu_seconds=spent)


def say_alive(job: Job) -> None:
    """A worker is at it, or will be in a moment."""
    connection().set(_key(job, "alive"), 1, ex=ALIVE_SECONDS)


def _key(job: Job, what: str) -> str:
    return f"recadmin:{job.word}:{job.pk}:{what}"
