"""From a sample's arrival over HTTP to scores that have learned from it, under steady load."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from tests.api_client import ApiClient
from tests.benchmarks.clicks import Clicks, simulate
from tests.benchmarks.harness import Table
from tests.benchmarks.served import ARROW, NDJSON, send, served, update
from tests.stack import Stack
from updates.samples.ipc import to_ipc

ROWS = 1_000  # of a request
CLIENTS = 4
PROBE_SECONDS = 0.25
WAIT_SECONDS = 60.0
PATH = "recommenders/clicks"
POLICY = {"name": "online", "strategy": "online", "version_every_minutes": 60}
WEB_PROCESSES = 2
# Counts of samples by lag, of all processes, since the last call.
TAKE = """
import collections, json, django
django.setup()
from recadmin.valkey import connection
counts = collections.Counter()
for key in list(connection().scan_iter("recadmin:learning-lag:*")):
    for field, samples in connection().hgetall(key).items():
        counts[int(field.partition(b":")[2])] += int(samples)
    connection().delete(key)
print(json.dumps(sorted(counts.items())))
"""


def tables(
    rates: Sequence[int] = (5_000, 20_000, 50_000), seconds: float = 20.0
) -> Iterator[Table]:
    """All processes of an installation on one machine; policy of the default intervals."""
    clicks = simulate(20 * ROWS)
    rows: list[dict[str, object]] = []
    with served() as (stack, api):
        send(api, to_ipc(clicks.batches(clicks.table.num_rows)[0]), ARROW)
        update(api, "full")
        api.call("POST", f"{PATH}/policies", POLICY)
        for rate in rates:
            _wait_until_synced(api, clicks)
            stack.python("-c", TAKE)
            rows += _rows(stack, api, clicks, rate, seconds)
    note = (
        f"NDJSON, {ROWS:,} samples of 20 string fields a request, {CLIENTS} clients on the same "
        "machine. In the processes: each sample in each web process, from its arrival to the "
        "delta's being applied (to 1/64). At a client: one sample sent beside the load, until an "
        "answer to a score has learned it."
    )
    yield Table("Learning lag: sample → servable", rows, note)


def _rows(
    stack: Stack, api: ApiClient, clicks: Clicks, rate: int, seconds: float
) -> Iterator[dict[str, object]]:
    requests = max(round(rate * seconds / ROWS), 1)
    bodies = clicks.ndjson(ROWS)
    began = time.monotonic()

    def send_each(first: int) -> None:
        with api.another() as client:
            for i in range(first, requests, CLIENTS):
                time.sleep(max(began + i * ROWS / rate - time.monotonic(), 0))
                send(client, bodies[i % len(bodies)], NDJSON)

    with ThreadPoolExecutor(CLIENTS) as pool:
        load = [pool.submit(send_each, first) for first in range(CLIENTS)]
        probes = list(_probes(api.another(), clicks, began + seconds))
        for sender in load:
            sender.result()
    reached = requests * ROWS / (time.monotonic() - began)
    _wait_until_synced(api, clicks)
    lags, counts = np.array(json.loads(stack.python("-c", TAKE))).T
    yield _row(reached, "in the processes", np.repeat(lags, counts))
    yield _row(reached, "at a client", np.array(probes) * 1e3)


def _row(rate: float, measured: str, lags_ms: np.ndarray) -> dict[str, object]:
    p50, p95, p99 = np.percentile(lags_ms, [50, 95, 99]).tolist()
    about = {"samples/s sent": rate, "measured": measured, "samples": len(lags_ms)}
    return {**about, "p50 ms": p50, "p95 ms": p95, "p99 ms": p99}


def _probes(client: ApiClient, clicks: Clicks, until: float) -> Iterator[float]:
    """Seconds from sending one sample to an answer that has learned it, one after the other."""
    body = clicks.first(1).ndjson(1)[0]
    with client:
        while time.monotonic() < until:
            began = time.monotonic()
            path, headers = f"/api/v1/{PATH}/samples", {"Content-Type": NDJSON}
            offset = json.loads(client.request("POST", path, body, headers).body)["last_offset"]
            while _score(client, clicks)["offset"] < offset:
                time.sleep(0.002)
            yield time.monotonic() - began
            time.sleep(PROBE_SECONDS)


def _score(client: ApiClient, clicks: Clicks) -> dict[str, int]:
    body = json.dumps({"rows": clicks.first(1).dicts()}).encode()
    headers = {"Content-Type": "application/json"}
    answer = client.request("POST", f"/api/v1/{PATH}/score", body, headers)
    found: dict[str, int] = json.loads(answer.body)
    return found


def _wait_until_synced(api: ApiClient, clicks: Clicks) -> None:
    """Until each web process has learned all that was sent, and has told its lags."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        # A connection of its own each time, so that it comes to each process in turn.
        with api.another() as client:
            _score(client, clicks)
        fresh = api.call("GET", f"{PATH}/freshness")
        done = [each for each in fresh["serving"] if each["offset"] == fresh["last_offset"]]
        if len(done) == WEB_PROCESSES:
            break
        if time.monotonic() > deadline:
            raise RuntimeError(f"not all is served after {WAIT_SECONDS:g} s: {fresh}")
        time.sleep(0.05)
    time.sleep(1.5)  # lags are told once a second
