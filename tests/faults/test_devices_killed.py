"""kill -9 of what stands between devices and the log, while they send."""

import http.client
import json
import threading
import time
from collections import Counter
from datetime import UTC, datetime

import pytest

from tests.conftest import wait_until
from tests.faults.recommender import Driven

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("database")]

READ = """
import json
from updates.models import Recommender
from updates.samples.log import SampleLog
log = SampleLog(Recommender.objects.get(slug="{slug}"))
batches = log.read(1, 10**9)
rows = [row for batch in batches for row in batch.select(["user", "item"]).to_pylist()]
print(json.dumps([row["item"] for row in rows if row["user"].startswith("user of a device")]))
"""
MOST_QUEUED = 20


class Sending(threading.Thread):
    """A device that goes on doing things, and sends all that it has no answer for each time."""

    def __init__(self, client, path, name, stop):
        super().__init__()
        self.client, self.stop = client, stop
        self.user = f"user of a device {name}"
        self.address = f"/api/v1/{path}/users/{self.user.replace(' ', '%20')}/embedding"
        self.queue, self.settled, self.retries, self.refused = [], [], 0, []

    def run(self):
        with self.client:
            while not self.stop.is_set() or self.queue:
                if not self.stop.is_set() and len(self.queue) < MOST_QUEUED:
                    self.act()
                self.send()

    def act(self):
        name = f"{self.user}: {len(self.settled) + len(self.queue)}"
        now = datetime.now(UTC).isoformat()
        self.queue.append({"id": name, "item": name, "label": 1, "event_time": now})

    def send(self):
        body = {"space_id": "?", "revision": 0, "vector": [0.0] * 4, "interactions": self.queue}
        headers = {"Content-Type": "application/json"}
        try:
            answer = self.client.request("PUT", self.address, json.dumps(body).encode(), headers)
        except (OSError, http.client.HTTPException):
            answer = None
        if answer is None or answer.status == 503:
            self.retries += 1
            time.sleep(0.02)
        elif answer.status == 409 and b"space-moved" in answer.body:
            self.settled += self.queue
            self.queue = []
        else:
            self.refused.append(answer.body)
            self.queue = []


@pytest.mark.parametrize("killed", ["valkey", "web"])
def test_what_a_device_was_answered_is_in_the_log_once_and_nothing_else(stack, api, killed):
    driven = Driven(api, f"devices-{killed}", learner="factors", learner_options={"dim": 4})
    driven.append(300)
    driven.update()
    api.call("POST", f"{driven.path}/policies", {"name": "devices", "strategy": "client"})
    stop = threading.Event()
    devices = [Sending(api.another(), driven.path, f"{n}", stop) for n in range(4)]
    for device in devices:
        device.start()
    try:
        for _ in range(3):
            goal = sum(len(device.settled) for device in devices) + 30
            wait_until(lambda: sum(len(d.settled) for d in devices) >= goal, 60)  # noqa: B023
            stack.kill(killed)
            stack.start(killed)
    finally:
        stop.set()
        for device in devices:
            device.join(60)
    assert not any(device.refused for device in devices)
    assert sum(device.retries for device in devices)
    answered = Counter(row["id"] for device in devices for row in device.settled)
    logged = json.loads(stack.manage("shell", "-v", "0", "-c", READ.format(slug=driven.slug)))
    assert Counter(logged) == answered
    assert set(answered.values()) == {1}
