"""kill -9 of a process at each step of archiving: nothing is lost, nothing twice."""

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection

from tests.conftest import FIRST_EVENT_TIME, make_batch
from updates.models import ArchivedBatch, Segment
from updates.samples.log import SampleLog

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]

OVERDUE = FIRST_EVENT_TIME + timedelta(days=2)
ARCHIVE_AND_DIE = """
import os, pkgutil, signal, sys
from datetime import UTC, datetime
import django
django.setup()
from updates.models import Recommender
from updates.samples.log import SampleLog

owner, name, when = sys.argv[1:]
owner = pkgutil.resolve_name(owner)
step = getattr(owner, name)

def die(*args, **kwargs):
    if when == "after":
        step(*args, **kwargs)
    os.kill(os.getpid(), signal.SIGKILL)

setattr(owner, name, die)
SampleLog(Recommender.objects.get()).archive(datetime.now(UTC))
"""
STEPS = [
    ("updates.samples.archive", "_write", "before"),
    ("updates.samples.archive", "_write", "after"),
    ("updates.samples.log", "write_segment", "after"),
    ("updates.samples.log:SampleLog", "_archived_batch", "before"),
    ("updates.samples.log:SampleLog", "_register", "after"),
    ("updates.samples.stream:SampleStream", "trim", "after"),
]


@pytest.fixture
def log(make_recommender, valkey):
    log = SampleLog(make_recommender())
    for i in range(6):
        log.append(make_batch(10, first=10 * i), f"b{i}", FIRST_EVENT_TIME)
    return log


def archive_and_die(settings, *step):
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "recadmin.settings",
        "DATABASE_URL": f"sqlite:///{connection.settings_dict['NAME']}",
        "RECADMIN_DATA": str(settings.RECADMIN_DATA),
        "REDIS_URL": settings.REDIS_URL,
        "SEGMENT_ROWS": "30",
    }
    command = [sys.executable, "-c", ARCHIVE_AND_DIE, *step]
    root = Path(__file__).parents[2]
    ended = subprocess.run(command, check=False, env=environment, cwd=root, timeout=60)
    return ended.returncode


@pytest.mark.parametrize("step", STEPS, ids=":".join)
def test_archiving_again_completes_the_work(log, settings, step):
    settings.SEGMENT_ROWS = 20
    assert archive_and_die(settings, *step) == -signal.SIGKILL
    assert items(log) == [f"i{i}" for i in range(60)]
    while log.archive(OVERDUE):
        pass
    assert items(log) == [f"i{i}" for i in range(60)]
    for i in range(6):
        assert log.append(make_batch(10, first=10 * i), f"b{i}", OVERDUE).duplicate
    assert ArchivedBatch.objects.count() == 6
    assert len(list(log.folder.glob("*.parquet"))) == Segment.objects.count()
    assert log.stream.client.xlen(log.stream.stream_key) == 0
    assert log.stream.client.keys("*:batch:*") == []


def items(log):
    return [item for batch in log.read(1, 10**9) for item in batch.column("item").to_pylist()]
