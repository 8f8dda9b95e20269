"""What devices send over HTTP: into the durable log, the user's vector in force with the answer."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from tests.api_client import ApiClient
from tests.benchmarks.harness import Table, percentiles_ms
from tests.benchmarks.http_append import CLIENTS
from tests.benchmarks.served import NDJSON, finished, served
from tests.device import Device

PATH = "recommenders/films"
SCHEMA = {"user": "user", "item": "item"}
HISTORY, ITEMS = 20_000, 1_000
EVENT_TIME = "2026-01-01T00:00:00Z"


def tables(users: int = 400, interactions: Sequence[int] = (1, 10)) -> Iterator[Table]:
    """Real gunicorn with 2 workers, embedded Valkey, every interaction on disk before its
    answer."""
    with served() as (_, api):
        _prepare(api)
        rows = [_row(api, users, each) for each in interactions]
        used = percentiles_ms(_until_used(api, users))
    note = (
        f"{CLIENTS} clients on the same two cores; each request of another user, its vector "
        f"checked against its interactions; `factors`, 16 numbers a vector, {ITEMS:,} items."
    )
    yield Table("PUT users/{user}/embedding", rows, note)
    note = (
        "From the answer of a device's request to recommendations by what it brought, whichever of "
        "the two web processes makes them; nothing else is asked meanwhile."
    )
    yield Table(
        "Interaction answered → in the recommendations", [{"requests": users, **used}], note
    )


def _prepare(api: ApiClient) -> None:
    about = {"slug": "films", "name": "Films", "learner": "factors", "schema": SCHEMA}
    api.call("POST", "recommenders", about)
    random = np.random.default_rng(1)
    rows = [
        {"label": int(label), "event_time": EVENT_TIME, "user": f"u{user}", "item": f"i{item}"}
        for label, user, item in zip(
            random.integers(0, 2, HISTORY),
            random.integers(0, 1_000, HISTORY),
            random.integers(0, ITEMS, HISTORY),
            strict=True,
        )
    ]
    body = "\n".join(map(json.dumps, rows)).encode()
    api.request("POST", f"/api/v1/{PATH}/samples", body, {"Content-Type": NDJSON})
    finished(api, api.call("POST", f"{PATH}/updates", {"strategy": "full"}))
    api.call("POST", f"{PATH}/policies", {"name": "devices", "strategy": "client"})


def _row(api: ApiClient, users: int, interactions: int) -> dict[str, Any]:
    names = [f"of{interactions}-{n}" for n in range(users)]
    bodies = [(name, _body(api, name, interactions)) for name in names]
    began = time.perf_counter()
    with ThreadPoolExecutor(CLIENTS) as pool:
        parts = [bodies[i::CLIENTS] for i in range(CLIENTS)]
        spent = pool.map(lambda part: _put_all(api, part), parts)
        latencies = [latency for part in spent for latency in part]
    seconds = time.perf_counter() - began
    return {
        "interactions a request": interactions,
        "requests": users,
        "requests/s": users / seconds,
        "interactions/s": users * interactions / seconds,
        **percentiles_ms(latencies),
    }


def _until_used(api: ApiClient, users: int) -> list[float]:
    spent = []
    with api.another() as client, api.another() as app:
        for n in range(users):
            user = f"soon-{n}"
            _put(client, user, _body(api, user, 1))
            began, source = time.perf_counter(), ""
            while source != "client":
                asked = app.request("GET", f"/api/v1/{PATH}/recommendations?user={user}")
                source = json.loads(asked.body)["source"]
            spent.append(time.perf_counter() - began)
    return spent


def _body(api: ApiClient, user: str, interactions: int) -> bytes:
    """What the device of a new user sends after so many interactions."""

    def call(method: str, path: str, body: Any) -> tuple[int, Any]:
        return 200, api.call(method, f"{PATH}/{path}", body)

    device = Device(call, user)
    for n in range(interactions):
        device.interact(f"i{n}", n % 2)
    return json.dumps(device.body()).encode()


def _put_all(api: ApiClient, bodies: Sequence[tuple[str, bytes]]) -> list[float]:
    spent = []
    with api.another() as client:
        for user, body in bodies:
            began = time.perf_counter()
            _put(client, user, body)
            spent.append(time.perf_counter() - began)
    return spent


def _put(client: ApiClient, user: str, body: bytes) -> None:
    """Send it on the kept connection; raises where it is not accepted as it is."""
    address = f"/api/v1/{PATH}/users/{user}/embedding"
    answer = client.request("PUT", address, body, {"Content-Type": "application/json"})
    if b'"outcome":"accepted"' not in answer.body:
        raise RuntimeError(f"{answer.status}: {answer.body[:500].decode()}")
