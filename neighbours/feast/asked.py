"""Asking the process that looks: started, given its time, ended."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

from django.conf import settings

from neighbours.feast import LOOK_SECONDS

LOOK = [sys.executable, "-m", "neighbours.feast.look"]
# Nobody's but ours: a repo's configuration takes values from the environment.
OWN_SECRETS = {"SECRET_KEY", "DATABASE_URL", "REDIS_URL", "METRICS_TOKEN"}
# So much of the end of what it prints is in the log where it dies.
PRINTED_BYTES = 2000
TOO_LATE = f"Feast did not answer within {LOOK_SECONDS} s."
DIED = "Looking at Feast ended before it had answered; the worker's log says more."

RowsOf = Callable[[Mapping[str, list[str]]], Mapping[str, dict[str, Any]]]


class LookFailed(RuntimeError):
    """Feast told nothing. ``said`` is for everybody; the error's text may name hosts and paths."""

    def __init__(self, said: str, detail: str) -> None:
        super().__init__(f"{said} {detail}")
        self.said = said


def ask(fields: Mapping[str, list[str]], rows_of: RowsOf) -> dict[str, Any]:
    """What the look found by slug: ``times`` by field, (rows,) each, and ``problems``.

    fields : all those of a recommender, by slug. rows_of : called with the fields that hold join
    keys of those that Feast has features of, by slug; gives ``rows``, how many, and ``columns``.
    Raises LookFailed.
    """
    began = time.monotonic()
    with tempfile.TemporaryFile() as printed:
        try:
            with _started(printed) as process, _ended_in_time(process):
                wanted = _asked(process, {"repo": str(settings.FEAST_REPO), "fields": fields})
                return _asked(process, rows_of(wanted))
        except (BrokenPipeError, EOFError):
            late = time.monotonic() - began >= LOOK_SECONDS
            raise LookFailed(TOO_LATE if late else DIED, _end_of(printed)) from None


def _started(printed: IO[bytes]) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - this interpreter, a module of ours
        LOOK,
        cwd=settings.BASE_DIR,
        env={name: value for name, value in os.environ.items() if name not in OWN_SECRETS},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=printed,
        text=True,
    )


@contextmanager
def _ended_in_time(process: subprocess.Popen[str]) -> Iterator[None]:
    late = threading.Timer(LOOK_SECONDS, process.kill)
    late.start()
    try:
        yield
    finally:
        late.cancel()
        process.kill()


def _asked(process: subprocess.Popen[str], question: Mapping[str, Any]) -> dict[str, Any]:
    process.stdin.write(json.dumps(question) + "\n")  # type: ignore[union-attr]
    process.stdin.flush()  # type: ignore[union-attr]
    line = process.stdout.readline()  # type: ignore[union-attr]
    if not line:
        raise EOFError
    answer: dict[str, Any] = json.loads(line)
    if "failed" in answer:
        said = f"Feast's repo cannot be read ({answer['failed']}); the worker's log says more."
        raise LookFailed(said, answer["detail"])
    return answer


def _end_of(printed: IO[bytes]) -> str:
    printed.seek(max(0, printed.seek(0, os.SEEK_END) - PRINTED_BYTES))
    return printed.read().decode(errors="replace")
