"""Clients that append over HTTP whatever happens, each batch until it is answered."""

import http.client
import json
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.api_client import ApiClient
from tests.conftest import FIRST_EVENT_TIME, wait_until
from tests.faults.recommender import NDJSON, ndjson
from tests.stack import Stack

READ = """
import json
from updates.models import Recommender
from updates.samples.log import SampleLog
log = SampleLog(Recommender.objects.get(slug="{slug}"))
rows = [row for batch in log.read(1, 10**9) for row in batch.select(["offset", "item"]).to_pylist()]
print(json.dumps(rows))
"""


@dataclass
class Appends:
    """What the clients were answered, by batch id, and how often they had to come again."""

    answers: dict[str, dict] = field(default_factory=dict)
    retries: int = 0
    refused: list[str] = field(default_factory=list)

    def wait_for_more(self, count: int, seconds: float = 30) -> None:
        """Until so many more batches are answered than now."""
        goal = len(self.answers) + count
        wait_until(lambda: len(self.answers) >= goal, seconds, f"no {count} more answers")


@contextmanager
def appending(api: ApiClient, slug: str, clients: int = 4):
    """Clients append to the recommender for as long as the block lasts."""
    appends, stop = Appends(), threading.Event()
    threads = [
        threading.Thread(target=_append, args=(api.another(), slug, f"c{i}", appends, stop))
        for i in range(clients)
    ]
    for thread in threads:
        thread.start()
    try:
        yield appends
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)


def _append(client, slug, name, appends, stop):
    number = 0
    with client:
        while not stop.is_set():
            batch_id = f"{name}-{number}"
            about = {"event_time": FIRST_EVENT_TIME.isoformat(), "item": batch_id}
            rows = [{"label": i % 2, **about} for i in range(1 + number % 50)]
            _until_answered(client, slug, batch_id, ndjson(rows), appends)
            number += 1


def _until_answered(client, slug, batch_id, body, appends):
    path, headers = f"/api/v1/recommenders/{slug}/samples", NDJSON | {"Batch-Id": batch_id}
    while batch_id not in appends.answers:
        try:
            answer = client.request("POST", path, body, headers)
        except (OSError, http.client.HTTPException):
            answer = None
        if answer is not None and answer.status == 202:
            appends.answers[batch_id] = json.loads(answer.body)
            return
        if answer is not None and answer.status != 503:
            appends.refused.append(f"{answer.status} {answer.body.decode()}")
            return
        appends.retries += 1
        time.sleep(0.02)


def nothing_is_lost_or_doubled(stack: Stack, slug: str, appends: Appends) -> None:
    """The log holds what was answered and only that, at the offsets answered, dense from 1."""
    assert not appends.refused
    rows = json.loads(stack.manage("shell", "-v", "0", "-c", READ.format(slug=slug)))
    assert [row["offset"] for row in rows] == list(range(1, len(rows) + 1))
    accepted = sum(answer["accepted"] for answer in appends.answers.values())
    assert accepted == len(rows)
    for batch_id, answer in appends.answers.items():
        stored = rows[answer["first_offset"] - 1 : answer["last_offset"]]
        assert [row["item"] for row in stored] == [batch_id] * answer["accepted"]
