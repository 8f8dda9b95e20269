"""``manage.py up --demo`` in an empty folder, and again: seconds to what a newcomer sees."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tests.api_client import ApiClient
from tests.benchmarks.harness import Table
from tests.stack import ROOT, SETTINGS, free_port
from updates.simulation.fleet import SLUGS

LONGEST_SECONDS = 120.0
PASSWORD = re.compile(r"user admin, password (\S+)")


def tables(starts: Sequence[str] = ("first", "second")) -> Iterator[Table]:
    """First start: nothing but the installed packages and compiled kernels; second: its data."""
    with tempfile.TemporaryDirectory() as data:
        token = ""
        rows = []
        for start in starts:
            token, seconds = _start(Path(data), token)
            rows.append({"start": start, **seconds})
    note = (
        "First page: the log-in page is answered. Moving data: after a version is live, a sample "
        "has come that was played live. All live: each recommender of the simulated feed has one."
    )
    yield Table("Start of the demo, seconds", rows, note)


def _start(data: Path, token: str) -> tuple[str, dict[str, float]]:
    """Start, wait for each sight, stop; returns a token and the seconds by sight."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    log = data / "up.log"
    began = time.perf_counter()
    with log.open("wb") as output:
        up = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--demo", "--port", str(port)],
            cwd=ROOT,
            env={
                **{name: value for name, value in os.environ.items() if name not in SETTINGS},
                "RECADMIN_DATA": str(data),
            },
            stdout=output,
            stderr=output,
        )
    until = partial(_until, began, log)
    try:
        page = until(lambda: _page(url))
        token = token or _token(url, log)
        live = until(lambda: _freshness(url, token)["live_version"])
        offset = _freshness(url, token)["last_offset"]
        moving = until(lambda: _freshness(url, token)["last_offset"] > offset)
        whole = until(lambda: all(_freshness(url, token, slug)["live_version"] for slug in SLUGS))
    finally:
        up.send_signal(signal.SIGINT)
        up.wait(60)
    seen = {"first page": page, "a live version": live, "moving data": moving, "all live": whole}
    return token, seen


def _until(began: float, log: Path, sight: Callable[[], object]) -> float:
    """Seconds from the start to when a sight is true for the first time."""
    while not sight():
        if time.perf_counter() - began > LONGEST_SECONDS:
            raise RuntimeError(f"waited {LONGEST_SECONDS:g} s in vain:\n{log.read_text()}")
        time.sleep(0.05)
    return time.perf_counter() - began


def _page(url: str) -> bool:
    try:
        with ApiClient(url) as client:
            return client.request("GET", "/login/").status == 200
    except (OSError, http.client.HTTPException):
        return False


def _token(url: str, log: Path) -> str:
    """A new one of the user whose password was shown at the first start."""
    shown = PASSWORD.search(log.read_text())
    if shown is None:
        raise RuntimeError(f"no password was shown:\n{log.read_text()}")
    return ApiClient.token(url, "admin", shown[1])


def _freshness(url: str, token: str, slug: str = "ml-100k") -> Any:
    return ApiClient(url, token).call("GET", f"recommenders/{slug}/freshness")
