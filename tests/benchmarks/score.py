"""Scoring 100 candidates of 20 features over HTTP."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

from tests.benchmarks.clicks import simulate
from tests.benchmarks.harness import Table, percentiles_ms
from tests.benchmarks.served import fill, served, update

CANDIDATES = 100


def tables(samples: int = 50_000, requests: int = 1_000) -> Iterator[Table]:
    """One client, so that what is measured is the answer and not the queue before it."""
    clicks = simulate(samples)
    body = json.dumps({"rows": clicks.first(CANDIDATES).dicts()}).encode()
    with served() as (_, api):
        fill(api, clicks.batches(10_000))
        update(api, "full")
        spent = []
        for _ in range(requests + 50):
            began = time.perf_counter()
            answer = api.request(
                "POST",
                "/api/v1/recommenders/clicks/score",
                body,
                {"Content-Type": "application/json"},
            )
            spent.append(time.perf_counter() - began)
            if answer.status != 200:
                raise RuntimeError(f"{answer.status}: {answer.body[:500].decode()}")
    row = {"requests": requests, **percentiles_ms(spent[50:])}
    note = "At the client: loopback, gunicorn, token, JSON both ways; the first 50 not counted."
    yield Table(f"Score: {CANDIDATES} candidates × 20 features", [row], note)
