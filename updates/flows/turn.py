"""Work that waits for its turn: one process at a time is at it, and others have workers left."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import redis
from redis.lock import Lock

from recadmin.valkey import connection

# So long after its holder died somebody else has it.
HELD_SECONDS = 15
RENEWED_EVERY_SECONDS = 5


@contextmanager
def turn(what: str) -> Iterator[bool]:
    """Whether it is ours until the end of the block; false where another process is at it."""
    lock = connection().lock(
        f"recadmin:turn:{what}", timeout=HELD_SECONDS, blocking=False, thread_local=False
    )
    if not lock.acquire():
        yield False
        return
    ended = threading.Event()
    renewing = threading.Thread(target=_renew, args=[lock, ended], name=f"turn-{what}", daemon=True)
    renewing.start()
    try:
        yield True
    finally:
        ended.set()
        renewing.join()
        with suppress(redis.RedisError):
            lock.release()


def _renew(lock: Lock, ended: threading.Event) -> None:
    while not ended.wait(RENEWED_EVERY_SECONDS):
        with suppress(redis.RedisError):
            lock.reacquire()
