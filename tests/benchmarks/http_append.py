"""Samples over HTTP into the durable log: NDJSON and Arrow, small and large requests."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from tests.api_client import ApiClient
from tests.benchmarks.clicks import Clicks, simulate
from tests.benchmarks.harness import Table, alternate, percentiles_ms, rates, timed
from tests.benchmarks.served import ARROW, NDJSON, send, served
from updates.samples.ipc import to_ipc

CLIENTS = 4
REQUESTS = {100: 400, 1_000: 100}  # of a round, by the rows in each
FORMATS = {"NDJSON": NDJSON, "Arrow": ARROW}


def tables(requests: Mapping[int, int] = REQUESTS, repetitions: int = 5) -> Iterator[Table]:
    """Real gunicorn with 2 workers, embedded Valkey, every batch on disk before its answer."""
    clicks = simulate(max(size * count for size, count in requests.items()))
    with served(("valkey", "web")) as (_, api):
        loads = {
            (name, size): Load(api, _bodies(clicks.first(size * count), name, size), FORMATS[name])
            for name in FORMATS
            for size, count in requests.items()
        }
        rounds = {f"{name} {size}": timed(load.send) for (name, size), load in loads.items()}
        seconds = alternate(rounds, repetitions)
    rows = [
        {
            "format": name,
            "rows a request": size,
            "samples/s min / median / max": rates(
                size * len(load.bodies), seconds[f"{name} {size}"]
            ),
            **percentiles_ms(load.latencies[len(load.bodies) :]),
        }
        for (name, size), load in loads.items()
    ]
    note = f"{CLIENTS} clients on the same two cores; each batch on disk before its answer."
    yield Table("Append over HTTP, 20 string fields a row", rows, note)


def _bodies(clicks: Clicks, name: str, size: int) -> list[bytes]:
    if name == "Arrow":
        return [to_ipc(batch) for batch in clicks.batches(size)]
    return clicks.ndjson(size)


class Load:
    """Requests that clients send at once; ``latencies`` of all that were sent, in seconds."""

    def __init__(self, api: ApiClient, bodies: Sequence[bytes], content_type: str) -> None:
        self.bodies = bodies
        self.latencies: list[float] = []
        self._send = partial(_send_all, api, content_type)

    def send(self) -> None:
        """Send all of them once; each is a batch of its own, however often it was sent."""
        parts = [self.bodies[i::CLIENTS] for i in range(CLIENTS)]
        with ThreadPoolExecutor(CLIENTS) as pool:
            for latencies in pool.map(self._send, parts):
                self.latencies += latencies


def _send_all(api: ApiClient, content_type: str, bodies: Sequence[bytes]) -> list[float]:
    spent = []
    with api.another() as client:
        for body in bodies:
            began = time.perf_counter()
            send(client, body, content_type)
            spent.append(time.perf_counter() - began)
    return spent
