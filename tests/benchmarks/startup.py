"""``manage.py up --demo`` in an empty folder, and again: seconds to what a newcomer sees."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.benchmarks.harness import Table
from tests.stack import ROOT, free_port

LONGEST_SECONDS = 120.0
LIVE = """
import django
django.setup()
from updates.models import Recommender
raise SystemExit(0 if Recommender.objects.filter(live_version__isnull=False) else 1)
"""


def tables() -> Iterator[Table]:
    """First start: nothing but the installed packages and compiled kernels."""
    with tempfile.TemporaryDirectory() as data:
        rows = [{"start": name, **_start(Path(data))} for name in ("first", "second")]
    yield Table("Start of the demo, seconds", rows)


def _start(data: Path) -> dict[str, object]:
    port = free_port()
    environment = {
        **os.environ,
        "RECADMIN_DATA": str(data),
        "DJANGO_SETTINGS_MODULE": "recadmin.settings",
    }
    began = time.perf_counter()
    with (data / "up.log").open("w") as output:
        up = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--demo", "--port", str(port)],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=output,
        )
    try:
        page = _seconds(began, lambda: _answers(f"http://127.0.0.1:{port}/login/"))
        live = _seconds(began, lambda: _ends_well(environment))
    finally:
        up.send_signal(signal.SIGINT)
        up.wait(60)
    return {"first page": page, "a live version": live}


def _seconds(began: float, condition: Callable[[], bool]) -> float:
    while not condition():
        if time.perf_counter() - began > LONGEST_SECONDS:
            raise RuntimeError(f"waited {LONGEST_SECONDS:g} s in vain")
        time.sleep(0.1)
    return time.perf_counter() - began


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _ends_well(environment: dict[str, str]) -> bool:
    ended = subprocess.run([sys.executable, "-c", LIVE], cwd=ROOT, env=environment, check=False)
    return ended.returncode == 0
