"""Scripts on Valkey whose effects are on disk when they return. Imports no Django."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import redis
from redis.exceptions import NoScriptError

SYNC_TIMEOUT_MS = 5_000


class LogUnavailable(RuntimeError):
    """The log cannot be reached or cannot promise durability now; retry with the same batch id."""


@contextmanager
def unavailable_as_such() -> Iterator[None]:
    """Whatever keeps Valkey from doing its work is one error, for which clients come again."""
    try:
        yield
    except redis.RedisError as error:
        raise LogUnavailable(f"The sample log is unavailable: {error}") from error


class Script:
    """A Lua script, sent to a server once and called by its digest from then on."""

    def __init__(self, source: str) -> None:
        self.source = source
        self._sha = hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest()

    def run(self, client: redis.Redis, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Run it; its effects may not be on disk yet. Raises LogUnavailable."""
        return self._call(client, keys, args, synced=True)

    def run_durably(
        self,
        client: redis.Redis,
        keys: Sequence[str],
        args: Sequence[Any],
        *,
        always_synced: bool,
    ) -> Any:
        """Run it and return once what this connection has written is on disk.

        always_synced : the server syncs its append-only file before it replies, so that nothing is
            left to wait for.

        Raises LogUnavailable, also where the server cannot promise that.
        """
        return self._call(client, keys, args, synced=always_synced)

    def _call(
        self, client: redis.Redis, keys: Sequence[str], args: Sequence[Any], *, synced: bool
    ) -> Any:
        with unavailable_as_such():
            try:
                return _send(client, synced, "EVALSHA", self._sha, len(keys), *keys, *args)
            except NoScriptError:
                return _send(client, synced, "EVAL", self.source, len(keys), *keys, *args)


def _send(client: redis.Redis, synced: bool, *command: Any) -> Any:
    if synced:
        return client.execute_command(*command)
    with client.pipeline(transaction=False) as pipeline:
        pipeline.execute_command(*command)
        pipeline.execute_command("WAITAOF", 1, 0, SYNC_TIMEOUT_MS)
        reply, on_disk = pipeline.execute(raise_on_error=False)
    if isinstance(reply, Exception):
        raise reply
    if isinstance(on_disk, Exception):
        raise LogUnavailable(
            f"Valkey cannot promise that samples are on disk ({on_disk}): it must be version "
            "7.2 or newer and run with `appendonly yes`."
        )
    if on_disk[0] < 1:
        raise LogUnavailable(
            f"Valkey did not sync the samples to disk within {SYNC_TIMEOUT_MS} ms; check its "
            "disk and set `appendfsync` to `everysec` or `always`."
        )
    return reply
