"""Predictions logged by one process with a spool, while the server answers and while it is down."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from recadmin_client import Client
from tests.api_client import ApiClient
from tests.benchmarks.clicks import FIELDS, FIRST_EVENT_MS, SCHEMA, simulate
from tests.benchmarks.harness import Table, alternate, rates
from tests.benchmarks.served import served

# Features of a prediction as it is usually logged, and of one with all that the model saw.
WIDTHS = (2, 18)
# Candidates that a service scores in one request.
AT_ONCE = 100
SLUG = "predictions"
LOGGED = replace(SCHEMA, prediction="score", version="model")
NOBODY = "http://127.0.0.1:9"
LONGEST_SECONDS = 60.0


def tables(
    rows: int = 50_000, widths: Sequence[int] = WIDTHS, repetitions: int = 3
) -> Iterator[Table]:
    """Real gunicorn with 2 workers and embedded Valkey, on the cores that the logger has too."""
    clicks = simulate(rows).dicts()
    with served(("valkey", "web")) as (_, api):
        about = {"slug": SLUG, "name": "Predictions", "learner": "monitored"}
        api.call("POST", "recommenders", about | {"schema": LOGGED.to_json()})
        loads = {
            f"{width} {at_once} {server}": Load(
                url=api.url if server == "answers" else NOBODY,
                api=api,
                fields=width + 4,
                at_once=at_once,
                rows=[_row(click, width, n) for n, click in enumerate(clicks)],
            )
            for width in widths
            for at_once in (1, AT_ONCE)
            for server in ("answers", "away")
        }
        seconds = alternate({name: load.log for name, load in loads.items()}, repetitions)
    found = [
        {
            "fields a row": load.fields,
            "call": "log" if load.at_once == 1 else f"log_many, {load.at_once}",
            "server": "away" if load.url == NOBODY else "answers",
            "rows/s logged min / median / max": rates(rows, seconds[name]),
            "rows/s until sent": rates(rows, load.sent[1:]) if load.sent else "–",
            "rows a CPU second": rows / statistics.median(load.cpu[1:]),
            "p50 µs a call": load.microseconds(50),
            "p99 µs": load.microseconds(99),
        }
        for name, load in loads.items()
    ]
    note = (
        "Predictions as impressions, one process, one thread that logs and the logger's own that "
        "sends, on the cores that the server has too; every row in the spool's file when the call "
        "returns. CPU time is the whole process's, sending included: what an idle core would do."
    )
    yield Table("Predictions logged by the Python client", found, note)


def _row(click: dict[str, str], width: int, number: int) -> dict[str, Any]:
    chosen = {name: click[name] for name in FIELDS[:width]}
    score = (number % 997) / 997
    return {"event_time": FIRST_EVENT_MS + number, "score": score, "model": "nightly-17", **chosen}


@dataclass
class Load:
    """Rows to be logged to one address, so many a call; ``sent``, ``cpu``: seconds by round,
    ``calls``: by call.

    A round ends with the last row sent, or logged where the server is away.
    """

    url: str
    api: ApiClient
    fields: int
    at_once: int
    rows: list[dict[str, Any]]
    sent: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    calls: list[float] = field(default_factory=list)

    def log(self) -> float:
        """Log them all; the seconds that took, without the sending."""
        token = self.api.headers["Authorization"].removeprefix("Token ")
        rows = self._new_impressions()
        parts = [rows[at : at + self.at_once] for at in range(0, len(rows), self.at_once)]
        now, calls = time.perf_counter, []
        with tempfile.TemporaryDirectory() as folder, Client(self.url, token) as client:
            logger = client.logger(SLUG, Path(folder), what="impressions")
            began, cpu_began = now(), time.process_time()
            for part in parts:
                before = now()
                if self.at_once == 1:
                    logger.log(part[0])
                else:
                    logger.log_many(part)
                calls.append(now() - before)
            spent = now() - began
            if self.url != NOBODY:
                if not logger.flush(LONGEST_SECONDS):
                    raise RuntimeError(logger.counts().last_error)
                self.sent.append(now() - began)
            self.cpu.append(time.process_time() - cpu_began)
            counts = logger.counts()
            if counts.logged != len(self.rows) or counts.rejected:
                raise RuntimeError(f"not all was logged: {counts}")
            logger.close(0)
        self.calls += calls
        return spent

    def _new_impressions(self) -> list[dict[str, Any]]:
        of = f"{self.fields}-{self.at_once}-{len(self.cpu)}"
        return [{"impression": f"{of}-{n}", **row} for n, row in enumerate(self.rows)]

    def microseconds(self, percentile: float) -> float:
        """Of one call."""
        return float(np.percentile(self.calls, percentile) * 1e6)
