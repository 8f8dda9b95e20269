"""The pages among many recommenders and millions of points: server time and queries.

python -m tests.benchmarks.pages --points 50000000
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from tests.benchmarks.harness import Table

POINTS = 5_000_000


def tables(points: int = POINTS, recommenders: int = 1_000, requests: int = 60) -> Iterator[Table]:
    """Each page in one process, asked for one time after the other."""
    sizes = {"points": points, "recommenders": recommenders, "requests": requests}
    with tempfile.TemporaryDirectory() as folder:
        measured = _measure(sizes, folder)
    rows = [_row(page, found) for page, found in measured["pages"].items()]
    note = (
        f"{recommenders:,} recommenders with a live version, two policies and ten updates each, "
        f"{measured['points']:,} points of series, SQLite, a real Valkey. From the request to the "
        "whole answer, inside the process."
    )
    yield Table("Pages", rows, note)


def _row(page: str, found: dict[str, Any]) -> dict[str, object]:
    p50, p95 = np.percentile(1e3 * np.array(found["seconds"]), [50, 95])
    cpu_p50, cpu_p95 = np.percentile(1e3 * np.array(found["cpu_seconds"]), [50, 95])
    return {
        "page": page,
        "p50 ms": float(p50),
        "p95 ms": float(p95),
        "CPU p50 ms": float(cpu_p50),
        "CPU p95 ms": float(cpu_p95),
        "queries": found["queries"],
        "kB": found["bytes"] / 1e3,
    }


def _measure(sizes: dict[str, int], folder: str) -> dict[str, Any]:
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "recadmin.settings",
        "RECADMIN_DATA": folder,
        "ALLOWED_HOSTS": "testserver",
        "LOG_LEVEL": "WARNING",
    }
    environment.pop("DATABASE_URL", None)
    command = [sys.executable, "-m", "tests.benchmarks.pages_process", folder, json.dumps(sizes)]
    output = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    measured: dict[str, Any] = json.loads(output.stdout.splitlines()[-1])
    return measured


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.pages")
    parser.add_argument("--points", type=int, default=POINTS)
    for table in tables(parser.parse_args().points):
        print(table.markdown(), end="\n\n", flush=True)
