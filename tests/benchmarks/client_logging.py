"""Rows logged by one process, with a spool, while the server answers and while it is away."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from recadmin_client import Client
from tests.api_client import ApiClient
from tests.benchmarks.clicks import FIELDS, FIRST_EVENT_MS, simulate
from tests.benchmarks.harness import Table, alternate, rates
from tests.benchmarks.served import served

# A prediction as it is usually logged, and one with all that the model saw.
WIDTHS = (4, len(FIELDS))
NOBODY = "http://127.0.0.1:9"
LONGEST_SECONDS = 60.0


def tables(
    rows: int = 50_000, widths: Sequence[int] = WIDTHS, repetitions: int = 3
) -> Iterator[Table]:
    """Real gunicorn with 2 workers and embedded Valkey, on the cores that the logger has too."""
    clicks = simulate(rows).dicts()
    with served(("valkey", "web")) as (_, api):
        loads = {
            (width, server): Load(api.url if server == "answers" else NOBODY, api, made)
            for width in widths
            for made in [[_row(click, width, n) for n, click in enumerate(clicks)]]
            for server in ("answers", "away")
        }
        rounds = {f"{width} {server}": load.log for (width, server), load in loads.items()}
        seconds = alternate(rounds, repetitions)
    found = [
        {
            "fields a row": width + 2,
            "server": server,
            "rows/s logged min / median / max": rates(rows, seconds[f"{width} {server}"]),
            "rows/s until sent": rates(rows, load.sent[1:]) if load.sent else "–",
            "rows a CPU second": rows / statistics.median(load.cpu[1:]),
            "p50 µs": load.microseconds(50),
            "p99 µs": load.microseconds(99),
        }
        for (width, server), load in loads.items()
    ]
    note = (
        "One process, one thread that logs and the logger's own that sends, on the cores that the "
        "server has too; every row in the spool's file when `log` returns. CPU time is the whole "
        "process's, sending included: what an idle core would do."
    )
    yield Table("Rows logged by the Python client", found, note)


def _row(click: dict[str, str], width: int, number: int) -> dict[str, Any]:
    chosen = {name: click[name] for name in FIELDS[:width]}
    return {"label": number % 2, "event_time": FIRST_EVENT_MS + number, **chosen}


@dataclass
class Load:
    """Rows to be logged to one address; ``sent``, ``cpu``: seconds by round, ``calls``: by row.

    A round ends with the last row sent, or logged where the server is away.
    """

    url: str
    api: ApiClient
    rows: list[dict[str, Any]]
    sent: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    calls: list[float] = field(default_factory=list)

    def log(self) -> float:
        """Log them all; the seconds that took, without the sending."""
        token = self.api.headers["Authorization"].removeprefix("Token ")
        now, calls = time.perf_counter, []
        with tempfile.TemporaryDirectory() as folder, Client(self.url, token) as client:
            logger = client.logger("clicks", Path(folder))
            began, cpu_began = now(), time.process_time()
            for row in self.rows:
                before = now()
                logger.log(row)
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

    def microseconds(self, percentile: float) -> float:
        """Of one call."""
        return float(np.percentile(self.calls, percentile) * 1e6)
