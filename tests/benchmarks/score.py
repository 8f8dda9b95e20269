"""Scoring 100 candidates of 20 features over HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

from tests.api_client import ApiClient
from tests.benchmarks.clicks import Clicks, simulate
from tests.benchmarks.harness import Table, percentiles_ms
from tests.benchmarks.served import cpu_seconds, fill, seconds_in_server, served, update

CANDIDATES = 100
LEARNERS = ("sparse_linear", "wide_deep")
WARM_UP = 50


def tables(samples: int = 50_000, requests: int = 1_000) -> Iterator[Table]:
    """One client, so that what is measured is the answer and not the queue before it."""
    clicks = simulate(samples)
    for learner in LEARNERS:
        yield _scored(learner, clicks, requests)


def _scored(learner: str, clicks: Clicks, requests: int) -> Table:
    body = json.dumps({"rows": clicks.first(CANDIDATES).dicts()}).encode()
    with served(("valkey", "web", "runs"), learner=learner) as (stack, api):
        fill(api, clicks.batches(10_000))
        update(api, "full")
        for _ in range(WARM_UP):
            _seconds(api, body)
        began = cpu_seconds(stack, "web")
        at_client = [_seconds(api, body) for _ in range(requests)]
        cpu = (cpu_seconds(stack, "web") - began) / requests
        in_server = seconds_in_server(stack)[-requests:]
    rows = [
        {"measured": "in the server", "requests": requests, **percentiles_ms(in_server)},
        {"measured": "at the client", "requests": requests, **percentiles_ms(at_client)},
    ]
    note = (
        "In the server: gunicorn's own request time, from the request's head to the end of the "
        f"answer. At the client: loopback too. The first {WARM_UP} are not counted. CPU time of "
        f"the web processes: {1000 * cpu:.2f} ms a request."
    )
    return Table(f"Score: {learner}, {CANDIDATES} candidates × 20 features", rows, note)


def _seconds(api: ApiClient, body: bytes) -> float:
    began = time.perf_counter()
    answer = api.request(
        "POST",
        "/api/v1/recommenders/clicks/score",
        body,
        {"Content-Type": "application/json"},
    )
    if answer.status != 200:
        raise RuntimeError(f"{answer.status}: {answer.body[:500].decode()}")
    return time.perf_counter() - began
