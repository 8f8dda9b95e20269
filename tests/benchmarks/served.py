"""A running installation to measure over HTTP, with a recommender of the simulated clicks."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from tests.api_client import ApiClient
from tests.benchmarks.clicks import SCHEMA
from tests.stack import Stack
from updates.samples.ipc import to_ipc

ARROW = "application/vnd.apache.arrow.stream"
NDJSON = "application/x-ndjson"
RUN_SECONDS = 300.0


@contextmanager
def served(learner: str = "sparse_linear", **options: Any) -> Iterator[tuple[Stack, ApiClient]]:
    """A fresh stack and a client that may do everything; recommender ``clicks`` is there."""
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder)) as stack:
        api = stack.admin()
        recommender = {"slug": "clicks", "name": "Clicks", "learner": learner}
        api.call(
            "POST",
            "recommenders",
            {**recommender, "schema": SCHEMA.to_json(), "learner_options": options},
        )
        yield stack, api


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
    run = api.call("POST", "recommenders/clicks/updates", {"strategy": strategy})
    deadline = time.monotonic() + RUN_SECONDS
    while run["finished_at"] is None:
        if time.monotonic() > deadline:
            raise RuntimeError(f"still {run['state']} after {RUN_SECONDS:g} s")
        time.sleep(0.05)
        run = api.call("GET", f"updates/{run['id']}")
    if run["state"] != "promoted":
        raise RuntimeError(f"{run['state']}: {run['error']}")
    return run
