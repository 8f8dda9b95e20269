"""The entry: a server and a token."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx

from recadmin_client.decoding import decode
from recadmin_client.recommender import Recommender, wait_for
from recadmin_client.retries import Retries
from recadmin_client.shapes import RecommenderSummary, RunTask, UpdateRun
from recadmin_client.training import TrainingRun
from recadmin_client.transport import Transport

if TYPE_CHECKING:
    from recadmin_client.logger import Logger, What, WhenFull

URL, TOKEN, RUN = "RECADMIN_URL", "RECADMIN_TOKEN", "RECADMIN_RUN"


class Client:
    """Calls of a recadmin server. Safe for threads, and for fork.

    url : of the server, such as ``https://recadmin.example.com``. token : as ``POST auth/token``
    gave it. timeout_seconds : of each attempt. transport : another transport of httpx, such as
    ``httpx.WSGITransport``.
    """

    def __init__(
        self,
        url: str,
        token: str,
        *,
        retries: Retries | None = None,
        timeout_seconds: float = 30.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._transport = Transport(url, token, retries or Retries(), timeout_seconds, transport)

    @classmethod
    def from_environment(cls, **options: Any) -> Self:
        """By ``RECADMIN_URL`` and ``RECADMIN_TOKEN``; raises ValueError where one is missing."""
        return cls(variable(URL), variable(TOKEN), **options)

    def __repr__(self) -> str:
        return f"Client({self._transport.url!r})"

    def recommender(self, slug: str) -> Recommender:
        """A recommender by its slug; nothing is asked yet."""
        return Recommender(self._transport, slug)

    def recommenders(self) -> Iterator[RecommenderSummary]:
        """All recommenders, each with its freshness now."""
        for found in self._transport.pages("recommenders", page_size=200):
            yield decode(RecommenderSummary, found)

    def update_run(self, number: int) -> UpdateRun:
        """A run by its id."""
        return decode(UpdateRun, self._transport.get(f"updates/{number}"))

    def update_runs(
        self, *, recommender: str | None = None, state: str | None = None, page_size: int = 50
    ) -> Iterator[UpdateRun]:
        """Runs, newest first; pages are asked for as they are needed."""
        asked = {"recommender": recommender, "state": state, "page_size": page_size}
        for found in self._transport.pages("updates", **asked):
            yield decode(UpdateRun, found)

    def wait_for(self, run: UpdateRun, seconds: float | None = None) -> UpdateRun:
        """The run when it has ended; raises StillRunning after ``seconds``, None for never."""
        return wait_for(self._transport, run, seconds)

    def cancel(self, number: int, reason: str = "") -> UpdateRun:
        """Cancel a run; the live version stays as it is."""
        return decode(
            UpdateRun, self._transport.post(f"updates/{number}/cancel", {"reason": reason})
        )

    def logger(
        self,
        slug: str,
        spool: str | Path,
        *,
        what: What = "samples",
        sender: str | None = None,
        batch_rows: int = 5_000,
        interval_seconds: float = 1.0,
        max_bytes: int = 1 << 30,
        when_full: WhenFull = "raise",
    ) -> Logger:
        """A logger of rows with a spool on disk: see ``recadmin_client.logger.Logger``."""
        # It needs a POSIX system; the rest of the client does not.
        from recadmin_client.logger import Logger

        return Logger(
            self._transport,
            slug,
            Path(spool),
            what=what,
            sender=socket.gethostname() if sender is None else sender,
            batch_rows=batch_rows,
            interval_seconds=interval_seconds,
            max_bytes=max_bytes,
            when_full=when_full,
        )

    @contextmanager
    def run(
        self,
        slug: str,
        *,
        strategy: str | None = None,
        components: Sequence[str] | None = None,
        worker: str | None = None,
    ) -> Iterator[TrainingRun]:
        """Claim a run of a recommender of learner ``external`` and train it in the block.

        It is the oldest queued run that fits, or a new one. worker : who trains; host:pid unless
        said. Raises Conflict where another update is writing. See TrainingRun.
        """
        wanted = {
            "strategy": strategy,
            "components": components,
            "worker": worker or f"{socket.gethostname()}:{os.getpid()}",
        }
        path = f"recommenders/{slug}/updates/claim"
        with self.take_run(self._transport.post(path, wanted)) as run:
            yield run

    def take_run(self, described: Mapping[str, Any]) -> AbstractContextManager[TrainingRun]:
        """Train a run that was claimed already: its description as a webhook brings it."""
        return TrainingRun(self._transport, decode(RunTask, described))

    def run_from_environment(self) -> AbstractContextManager[TrainingRun]:
        """Train the run that the file named by ``RECADMIN_RUN`` describes, as a command has it."""
        return self.take_run(json.loads(Path(variable(RUN)).read_bytes()))

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def variable(name: str) -> str:
    """An environment variable that must be set; raises ValueError."""
    if value := os.environ.get(name):
        return value
    raise ValueError(f"{name} is not set")
