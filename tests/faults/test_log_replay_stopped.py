"""A live replay stopped by signals: it ends cleanly, and the next one plays no sample twice."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from django.db import connection

from tests.conftest import make_batch, wait_until
from updates.samples.log import SampleLog

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]

ROWS = 4_000


@pytest.fixture
def log(make_recommender, valkey):
    return SampleLog(make_recommender())


@pytest.fixture
def simulate(settings, tmp_path, log):
    """Starts ``manage.py simulate``: samples are one recorded second, so one millisecond, apart."""
    path = tmp_path / "samples.parquet"
    pq.write_table(pa.Table.from_batches([make_batch(ROWS)]), path)
    environment = os.environ | {
        "DATABASE_URL": f"sqlite:///{connection.settings_dict['NAME']}",
        "RECADMIN_DATA": str(settings.RECADMIN_DATA),
        "REDIS_URL": settings.REDIS_URL,
    }
    command = [sys.executable, "manage.py", "simulate", "news", "--history", "0.1"]
    command += ["--source", str(path), "--speed", "1000"]
    processes = []

    def start():
        processes.append(
            subprocess.Popen(
                command,
                env=environment,
                cwd=Path(__file__).parents[2],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def test_each_sample_is_played_once_whatever_stops_it(simulate, log):
    for number, ends in ((signal.SIGTERM, 0), (signal.SIGKILL, -9), (signal.SIGINT, 0)):
        played = log.head().last_offset
        process = simulate()
        wait_until(lambda p=played: log.head().last_offset >= max(p, ROWS // 10) + 100, seconds=60)
        process.send_signal(number)
        _, errors = process.communicate(timeout=30)
        assert (process.returncode, errors) == (ends, "")
    assert log.head().last_offset < ROWS
    output, _ = simulate().communicate(timeout=60)
    assert "has been played" in output
    items = [item for batch in log.read(1, 10**9) for item in batch.column("item").to_pylist()]
    assert items == [f"i{i}" for i in range(ROWS)]
