"""A recommender of a running stack: driven over the API, its runs watched in the database."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from _pytest.outcomes import Failed

from tests.api_client import ApiClient
from tests.conftest import SCHEMA, wait_until
from tests.faults import waiting
from tests.stack import Stack
from tests.updates.flows.conftest import learnable_rows
from updates.models import UpdateRun

STACK = "stack"
ROWS = [{"item": f"i{i}", "user": "u1", "genres": [f"g{i % 3}"]} for i in range(5)]
NDJSON = {"Content-Type": "application/x-ndjson"}


class Driven:
    """A recommender created over the API, fed with the rows of one endless stream."""

    def __init__(self, api: ApiClient, slug: str, **fields: Any) -> None:
        self.api = api
        self.slug = slug
        self.path = f"recommenders/{slug}"
        self.samples = 0
        about = {"slug": slug, "name": slug, "learner": "sparse_linear", "schema": SCHEMA.to_json()}
        api.call("POST", "recommenders", about | fields)

    def append(self, count: int) -> None:
        """The next so many rows."""
        body = ndjson(learnable_rows(count, self.samples))
        headers = NDJSON | {"Batch-Id": f"rows-{self.samples}"}
        with self.api.another() as client:
            answer = client.request("POST", f"/api/v1/{self.path}/samples", body, headers)
        assert answer.status == 202, answer.body
        self.samples += count

    def start(self, strategy: str = "full", **fields: Any) -> int:
        """Trigger an update; returns the number of its run."""
        about = {"strategy": strategy} | fields
        return self.api.call("POST", f"{self.path}/updates", about)["id"]

    def update(self, strategy: str = "full", **fields: Any) -> dict[str, Any]:
        """Trigger an update and see it promoted; returns the version that it made."""
        return self.promoted(self.start(strategy, **fields))

    def promoted(self, run: int, seconds: float = 60) -> dict[str, Any]:
        """Wait until the run is promoted; returns its version."""
        try:
            wait_until(lambda: is_in(run, "promoted"), seconds)
        except Failed:
            pytest.fail(f"run {run} was not promoted within {seconds} s: {self.run(run)}")
        return self.version(self.run(run)["result_version"])

    def version(self, number: int) -> dict[str, Any]:
        """A version as the API tells it."""
        return self.api.call("GET", f"{self.path}/versions/{number}")

    def run(self, run: int) -> dict[str, Any]:
        """A run as the API tells it."""
        return self.api.call("GET", f"updates/{run}")

    def score(self) -> dict[str, Any]:
        """ROWS scored by the live version."""
        return self.api.call("POST", f"{self.path}/score", {"rows": ROWS})

    def deployments(self) -> list[dict[str, Any]]:
        """Which version was live from when, oldest first."""
        return self.api.call("GET", f"{self.path}/deployments")["results"][::-1]


def is_in(run: int, state: str) -> bool:
    """Whether the run is in that state now."""
    return UpdateRun.objects.using(STACK).filter(pk=run, state=state).exists()


@contextmanager
def waiting_at(stack: Stack, point: str) -> Iterator[None]:
    """Inside, a run of the learner ``waiting`` has come to that point and goes no further."""
    told, waits = waiting.files(Path(stack.env[waiting.FOLDER]), point)
    told.touch()
    try:
        wait_until(waits.exists, 30, f"no learner came to {point}")
        yield
    finally:
        told.unlink()
        waits.unlink(missing_ok=True)


def mend(stack: Stack) -> None:
    """Start what is dead, Valkey first."""
    for name in stack.names:
        if stack.processes[name].poll() is not None:
            stack.start(name)


def ndjson(rows: list[dict[str, Any]]) -> bytes:
    """The rows as clients send them."""
    return b"\n".join(json.dumps(row, default=str).encode() for row in rows)
