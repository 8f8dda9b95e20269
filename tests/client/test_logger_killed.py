"""A process that logs is killed at any moment; the next one sends what it logged, once."""

import json
import os
import signal
import subprocess
import sys

import httpx
import pytest

from recadmin_client import Client, courier
from tests import CLIENT
from tests.client.conftest import AT_ONCE, URL

# Nothing listens at port 9; each line says that so many rows have been logged.
LOGS = """
import sys
from recadmin_client import Client, courier
client = Client("http://127.0.0.1:9", "secret")
logger = client.logger("news", sys.argv[1], sender="killed", batch_rows=1000)
at_once = int(sys.argv[2])
for n in range(0, 10**9, at_once):
    if at_once == 1:
        logger.log({"n": n})
    else:
        logger.log_many({"n": n + k} for k in range(at_once))
    if n % 100 == 0:
        print(n + at_once, flush=True)
"""


@pytest.mark.faults
@pytest.mark.parametrize("at_once", [1, 50])
def test_rows_that_were_logged_before_a_kill_are_sent_once_by_the_next_process(
    at_once, tmp_path, monkeypatch
):
    environment = os.environ | {"PYTHONPATH": CLIENT}
    command = [sys.executable, "-c", LOGS, str(tmp_path), str(at_once)]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        for line in process.stdout:
            if int(line) > 5_000:
                process.send_signal(signal.SIGKILL)
                break
        told = [int(line), *map(int, process.stdout.read().splitlines())][-1]

    batches = {}

    def take(request):
        name = request.headers["Batch-Id"]
        is_new = name not in batches
        batches[name] = [json.loads(row)["n"] for row in request.content.splitlines()]
        if is_new and len(batches) == 2:
            # It was taken, and the answer is lost.
            raise httpx.ReadError("reset")
        answer = {"accepted": len(batches[name]), "rejected": [], "duplicate": False}
        return httpx.Response(202, json=answer)

    monkeypatch.setattr(courier, "PATIENCE", AT_ONCE)
    with (
        Client(URL, "secret", transport=httpx.MockTransport(take), retries=AT_ONCE) as client,
        client.logger("news", tmp_path, sender="next") as logger,
    ):
        assert logger.flush()
    rows = [n for batch in batches.values() for n in batch]
    assert rows == list(range(len(rows)))
    assert len(rows) >= told
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
