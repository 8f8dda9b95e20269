"""Samples over HTTP, learned online, in the scores: how many a second, and how soon."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from tests.api_client import ApiClient
from tests.benchmarks.clicks import Clicks, simulate
from tests.benchmarks.harness import Table, percentiles_ms, rates
from tests.benchmarks.http_append import CLIENTS, Load
from tests.benchmarks.served import NDJSON, fill, served, update
from tests.stack import Stack

ROWS = 1_000  # of a request
HISTORY = 5_000
POLICY = {
    "name": "always",
    "strategy": "online",
    "sync_interval_ms": 50,
    "checkpoint_seconds": 10,
    "version_every_minutes": 60,
}
POLL_SECONDS = 0.002
WITHIN_SECONDS = 120.0


def tables(requests: int = 300, repetitions: int = 3) -> Iterator[Table]:
    """All processes of the product on the same two cores as the clients."""
    clicks = simulate(ROWS * requests)
    with learning_online(clicks) as (_, api):
        load = Load(api, clicks.ndjson(ROWS), NDJSON)
        spent, servable = [], []
        sent = api.call("GET", "recommenders/clicks/freshness")["last_offset"]
        for _ in range(repetitions):
            began = time.perf_counter()
            load.send()
            spent.append(time.perf_counter() - began)
            sent += ROWS * requests
            wait_for(api, clicks, sent)
            servable.append(time.perf_counter() - began)
        rows = ROWS * requests
        reached = rows / min(servable)
        lags = paced(api, clicks, load.bodies, reached / 2)
    yield Table(
        "HTTP NDJSON → learned → served, 20 string fields a row",
        [
            {"until": "answered, on disk", "samples/s min / median / max": rates(rows, spent)},
            {"until": "in the scores", "samples/s min / median / max": rates(rows, servable)},
        ],
        f"{CLIENTS} clients, {ROWS:,} rows a request, {requests} requests a round, on the cores "
        "that all processes share; learned by one session while they come.",
    )
    note = (
        "From the begin of a request to the first score that has learned its last sample; another "
        "client asks for a score all the time."
    )
    load_rate = f"{reached / 2:,.0f}"
    row = {"samples/s": load_rate, "requests": len(lags), **percentiles_ms(lags)}
    yield Table("Sample → servable, at half of that load", [row], note)


@contextmanager
def learning_online(clicks: Clicks) -> Iterator[tuple[Stack, ApiClient]]:
    """A recommender that has a live version and learns online; HISTORY + ROWS samples are there."""
    with served() as (stack, api):
        fill(api, clicks.first(HISTORY).batches(HISTORY))
        update(api, "full")
        api.call("POST", "recommenders/clicks/policies", POLICY)
        fill(api, clicks.first(ROWS).batches(ROWS))
        yield stack, api


def score(client: ApiClient, body: bytes) -> dict[str, Any]:
    """One row scored, with how far the process that answered has learned."""
    json = {"Content-Type": "application/json"}
    answer = client.request("POST", "/api/v1/recommenders/clicks/score", body, json)
    if answer.status != 200:
        raise RuntimeError(f"{answer.status}: {answer.body[:500].decode()}")
    return dict(msgspec.json.decode(answer.body))


def wait_for(api: ApiClient, clicks: Clicks, offset: int) -> None:
    """Until a score has learned the sample at that offset."""
    body = msgspec.json.encode({"rows": clicks.first(1).dicts()})
    deadline = time.monotonic() + WITHIN_SECONDS
    with api.another() as client:
        while (score(client, body)["offset"] or 0) < offset:
            if time.monotonic() > deadline:
                raise RuntimeError(f"sample {offset} is not served: {score(client, body)}")
            time.sleep(POLL_SECONDS)


def paced(api: ApiClient, clicks: Clicks, bodies: list[bytes], rate: float) -> list[float]:
    """Seconds from the begin of each request to its last sample's being served."""
    waiting: list[tuple[int, float]] = []
    lags: list[float] = []
    done = threading.Event()
    body = msgspec.json.encode({"rows": clicks.first(1).dicts()})

    def watch() -> None:
        with api.another() as client:
            while not done.is_set() or waiting:
                offset = score(client, body)["offset"] or 0
                now = time.perf_counter()
                while waiting and waiting[0][0] <= offset:
                    lags.append(now - waiting.pop(0)[1])

    watcher = threading.Thread(target=watch)
    watcher.start()
    headers = {"Content-Type": NDJSON}
    began = time.perf_counter()
    try:
        with api.another() as client:
            for number, part in enumerate(bodies):
                time.sleep(max(0.0, began + number * ROWS / rate - time.perf_counter()))
                sent = time.perf_counter()
                path = "/api/v1/recommenders/clicks/samples"
                answer = client.request("POST", path, part, headers)
                waiting.append((msgspec.json.decode(answer.body)["last_offset"], sent))
    finally:
        done.set()
        watcher.join(WITHIN_SECONDS)
    return lags
