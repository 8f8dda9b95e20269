"""A running installation to measure over HTTP, with a recommender of the simulated clicks."""

from __future__ import annotations

import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from tests.api_client import ApiClient
from tests.benchmarks.clicks import SCHEMA
from tests.stack import NAMES, Stack
from updates.samples.ipc import to_ipc

ARROW = "application/vnd.apache.arrow.stream"
NDJSON = "application/x-ndjson"
RUN_SECONDS = 300.0
ACCESS_FORMAT = "answered %(m)s in %(D)s us"  # gunicorn's names for method and microseconds
ENVIRONMENT = {
    "GUNICORN_CMD_ARGS": f"--access-logfile - --access-logformat '{ACCESS_FORMAT}'",
    "EXTERNAL_COMMANDS": sys.executable,
}
ACCESS = r"answered POST in (\d+) us"


@contextmanager
def served(
    names: Sequence[str] = NAMES,
    *,
    learner: str = "sparse_linear",
    options: Mapping[str, Any] | None = None,
) -> Iterator[tuple[Stack, ApiClient]]:
    """A fresh stack and a client that may do everything; recommender ``clicks`` is there.

    The web writes a line for each answer to its output.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        Stack(Path(folder), names, ENVIRONMENT) as stack,
        stack.admin() as api,
    ):
        recommender = {"slug": "clicks", "name": "Clicks", "learner": learner}
        about = {"learner_options": options or {}, "schema": SCHEMA.to_json()}
        api.call("POST", "recommenders", recommender | about)
        yield stack, api


def seconds_in_server(stack: Stack) -> list[float]:
    """From the first byte of each answered POST to the end of its answer, in order."""
    output = (stack.logs / "web.log").read_text()
    return [int(microseconds) / 1e6 for microseconds in re.findall(ACCESS, output)]


def cpu_seconds(stack: Stack, name: str) -> float:
    """CPU time so far of a process and those below it, of all threads (proc(5), stat)."""
    ticks = 0
    for pid in [stack.processes[name].pid, *stack.children(name)]:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(after_name[11]) + int(after_name[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def send(api: ApiClient, body: bytes, content_type: str) -> None:
    """POST one batch of samples on the kept connection; raises where it is not accepted whole."""
    answer = api.request(
        "POST", "/api/v1/recommenders/clicks/samples", body, {"Content-Type": content_type}
    )
    if answer.status != 202 or b'"rejected":[]' not in answer.body:
        raise RuntimeError(f"{answer.status}: {answer.body[:500].decode()}")


def fill(api: ApiClient, batches: list[pa.RecordBatch]) -> None:
    """Append batches as Arrow."""
    for batch in batches:
        send(api, to_ipc(batch), ARROW)


def update(api: ApiClient, strategy: str) -> dict[str, Any]:
    """Run an update to its end; returns it."""
    return finished(api, api.call("POST", "recommenders/clicks/updates", {"strategy": strategy}))


def finished(api: ApiClient, run: dict[str, Any]) -> dict[str, Any]:
    """The run once it has ended; raises where it is not promoted."""
    deadline = time.monotonic() + RUN_SECONDS
    while run["finished_at"] is None:
        if time.monotonic() > deadline:
            raise RuntimeError(f"still {run['state']} after {RUN_SECONDS:g} s")
        time.sleep(0.05)
        run = api.call("GET", f"updates/{run['id']}")
    if run["state"] != "promoted":
        raise RuntimeError(f"{run['state']}: {run['error']}")
    return run
