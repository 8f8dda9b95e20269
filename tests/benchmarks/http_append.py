"""Samples over HTTP into the durable log: NDJSON and Arrow, small and large requests."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from tests.api_client import ApiClient
from tests.benchmarks.clicks import Clicks, simulate
from tests.benchmarks.harness import Table, percentiles_ms, rates
from tests.benchmarks.served import ARROW, NDJSON, send, served
from updates.samples.ipc import to_ipc

CLIENTS = 4


def tables(samples: int = 100_000, repetitions: int = 3) -> Iterator[Table]:
    """Real gunicorn with 2 workers, embedded Valkey, every batch on disk before its answer."""
    clicks = simulate(samples)
    rows = []
    with served() as (_, api):
        for name, content_type in (("NDJSON", NDJSON), ("Arrow", ARROW)):
            for size in (100, 1_000):
                bodies = _bodies(clicks, content_type, size)
                rows.append(_measure(api, name, size, bodies, content_type, repetitions))
    note = f"{CLIENTS} clients on the same two cores; each batch on disk before its answer."
    yield Table("Append over HTTP, 20 string fields a row", rows, note)


def _bodies(clicks: Clicks, content_type: str, size: int) -> list[bytes]:
    if content_type == ARROW:
        return [to_ipc(batch) for batch in clicks.batches(size)]
    return clicks.ndjson(size)


def _measure(
    api: ApiClient,
    name: str,
    size: int,
    bodies: Sequence[bytes],
    content_type: str,
    repetitions: int,
) -> dict[str, object]:
    chosen = bodies[: 400 if size == 100 else 100]
    rounds, latencies = [], []
    for _ in range(repetitions):
        began = time.perf_counter()
        with ThreadPoolExecutor(CLIENTS) as pool:
            parts = [chosen[i::CLIENTS] for i in range(CLIENTS)]
            for part in pool.map(lambda part: _send_all(api, part, content_type), parts):
                latencies += part
        rounds.append(time.perf_counter() - began)
    return {
        "format": name,
        "rows a request": size,
        "samples/s min / median / max": rates(size * len(chosen), rounds),
        **percentiles_ms(latencies),
    }


def _send_all(api: ApiClient, bodies: Sequence[bytes], content_type: str) -> list[float]:
    spent = []
    with api.another() as client:
        for body in bodies:
            began = time.perf_counter()
            send(client, body, content_type)
            spent.append(time.perf_counter() - began)
    return spent
