"""/metrics for fleets of different sizes, with a long history of updates."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.api_client import ApiClient
from tests.benchmarks.harness import Table, percentiles_ms
from tests.benchmarks.served import cpu_seconds
from tests.stack import Stack

TOKEN = "a-scraper-s"
ROWS_AT_ONCE = 10_000
# Each of the web processes has then read of the updates that ended.
WARM_UP = 30
FILL = f"""
import sys
from datetime import timedelta
import time_machine
import django; django.setup()
from django.utils import timezone
from updates.models import ModelVersion, Recommender, RunTransition, UpdateRun
count, runs = map(int, sys.argv[1:])
now = timezone.now()
made = Recommender.objects.bulk_create(
    Recommender(slug=f"r{{i}}", name=f"R {{i}}", learner="gbdt_lr", schema={{"item": "item"}})
    for i in range(count)
)
part = {{"watermark": now.isoformat(), "next_offset": 1}}
versions = ModelVersion.objects.bulk_create(
    ModelVersion(
        recommender=r, number=1, learner=r.learner, digest="0" * 64, artifact_bytes=1,
        learned_ranges=[], next_offset=1, watermark=now, state="live",
        components={{"trees": part, "lr": part}},
    )
    for r in made
)
for recommender, version in zip(made, versions):
    recommender.live_version = version
Recommender.objects.bulk_update(made, ["live_version"])
for first in range(0, runs, {ROWS_AT_ONCE}):
    ended = UpdateRun.objects.bulk_create(
        UpdateRun(
            recommender=made[i % count], strategy="full", components=["trees"],
            state="promoted", finished_at=now, cpu_seconds=1.0,
        )
        for i in range(first, min(runs, first + {ROWS_AT_ONCE}))
    )
    with time_machine.travel(now - timedelta(hours=1)):
        RunTransition.objects.bulk_create(
            RunTransition(run=run, from_state="evaluating", to_state="promoted") for run in ended
        )
"""


def tables(
    fleets: Sequence[int] = (10, 100, 1_000), runs: int = 100_000, scrapes: int = 100
) -> Iterator[Table]:
    """Of each fleet ``runs`` updates have ended; each recommender has two components."""
    note = (
        f"After {runs:,} updates. At the client, over loopback, one scrape after the other. First: "
        "by a process that has not read of those updates yet; the others read what is new. CPU: of "
        "the web processes, a scrape."
    )
    rows = [_measured(count, runs, scrapes) for count in fleets]
    yield Table("Scraping /metrics", rows, note)


def _measured(count: int, runs: int, scrapes: int) -> dict[str, object]:
    with (
        tempfile.TemporaryDirectory() as folder,
        Stack(Path(folder), ("valkey", "web"), {"METRICS_TOKEN": TOKEN}) as stack,
    ):
        stack.python("-c", FILL, str(count), str(runs))
        with ApiClient(stack.url) as client:
            (first, size), *_ = [_scrape(client) for _ in range(WARM_UP)]
            spent = cpu_seconds(stack, "web")
            seconds = [_scrape(client)[0] for _ in range(scrapes)]
            spent = cpu_seconds(stack, "web") - spent
    return {
        "recommenders": count,
        "KiB": size / 1024,
        "first, ms": 1e3 * first,
        **percentiles_ms(seconds),
        "CPU ms": 1e3 * spent / scrapes,
    }


def _scrape(client: ApiClient) -> tuple[float, int]:
    """Seconds that it took, and bytes that came."""
    began = time.perf_counter()
    answer = client.request("GET", "/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    seconds = time.perf_counter() - began
    if answer.status != 200:
        raise RuntimeError(f"{answer.status}: {answer.body[:500].decode()}")
    return seconds, len(answer.body)
