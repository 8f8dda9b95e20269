"""The series store: writing, reading and rolling up among millions of points.

    python -m tests.benchmarks.series --points 50000000
    python -m tests.benchmarks.series --database postgres://postgres@127.0.0.1:5433/series

Without a database named, SQLite in a folder of its own. One that is named must be empty.
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

from tests.benchmarks.harness import Table, percentiles_ms, spread

POINTS = 5_000_000


def tables(
    points: int = POINTS, recommenders: int = 1_000, reads: int = 100, database: str = ""
) -> Iterator[Table]:
    """What is measured in one process, on a store filled in the order of time."""
    sizes = {"points": points, "recommenders": recommenders, "reads": reads}
    with tempfile.TemporaryDirectory() as folder:
        measured = _measure(sizes, folder, database)
    title = f"Series store: {measured['points']:,} points on {measured['vendor']}"
    yield Table(
        f"{title}: size",
        [
            {"table": name, **{k: v for k, v in size.items() if k != "table"}}
            for name, size in measured["size"].items()
        ],
        f"{measured['full']:,} series of {recommenders:,} recommenders are full: ten seconds for 2 "
        f"days, minutes for 30, hours for a year. Filled in the order of time in "
        f"{measured['fill_seconds']:,.0f} s.",
    )
    yield Table(
        f"{title}: one plot read",
        [
            {
                "span": span,
                "points read": read["rows"],
                "points shown": read["shown"],
                "p50 ms": percentiles_ms(read["seconds"])["p50 ms"],
                "p95 ms": _p95_ms(read["seconds"]),
            }
            for span, read in measured["reads"].items()
        ],
        f"`series.read`, {reads:,} times; the system has the pages in its cache.",
    )
    yield Table(
        f"{title}: written and kept",
        [
            {
                "what": what,
                "series": work["series"],
                "points": work["points"],
                "s min / median / max": spread(work["seconds"]),
                "points/s": work["points"] / sorted(work["seconds"])[len(work["seconds"]) // 2],
                "longest transaction, ms": 1e3 * max(work["longest"]),
            }
            for what, work in measured["work"].items()
        ],
    )
    yield Table(
        f"{title}: how the points are found",
        [{"by": by, "plan": plan} for by, plan in measured["plans"]],
    )


def _measure(sizes: dict[str, int], folder: str, database: str) -> dict[str, Any]:
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "recadmin.settings",
        "RECADMIN_DATA": folder,
        "LOG_LEVEL": "WARNING",
    }
    environment.pop("DATABASE_URL", None)
    if database:
        environment["DATABASE_URL"] = database
    output = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.series_process", json.dumps(sizes)],
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    measured: dict[str, Any] = json.loads(output.splitlines()[-1])
    return measured


def _p95_ms(seconds: list[float]) -> float:
    return 1e3 * sorted(seconds)[int(0.95 * (len(seconds) - 1))]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.series")
    parser.add_argument("--points", type=int, default=POINTS)
    parser.add_argument("--database", default="", help="URL of an empty database")
    chosen = parser.parse_args()
    for table in tables(chosen.points, database=chosen.database):
        print(table.markdown(), end="\n\n", flush=True)
