"""kill -9 of what joins, and of what it joins from: every impression gives its samples once."""

import http.client
import json
import threading
import time
from collections import Counter

import pytest

from tests.conftest import FIRST_EVENT_TIME, wait_until
from tests.faults.clients import READ
from tests.faults.recommender import Driven, mend

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("database"), pytest.mark.timeout(240)]

ROWS = 40
POLICIES = {
    "wait": {"join_window_seconds": 1},
    "fake_negative_weighted": {"delayed_feedback": "fake_negative_weighted"},
}
VICTIMS = (("control",), ("valkey",), ("web", "control"), ("valkey", "control", "beat"))


class Shop:
    """Shows items and hears of clicks on every third, each request until it is answered."""

    def __init__(self, api, slug):
        self.client, self.path = api.another(), f"/api/v1/recommenders/{slug}"
        self.shown, self.clicked, self.refused = [], [], []
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._trade_to_the_end)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.stop.set()
        self.thread.join(60)

    def _trade_to_the_end(self):
        with self.client:
            self._trade()

    def _trade(self):
        number = 0
        while not self.stop.is_set():
            names = [f"{number}-{row}" for row in range(ROWS)]
            shown = [{"impression": name, **_at(number), "item": name} for name in names]
            clicks = [{"impression": name, **_at(number), "label": 1} for name in names[::3]]
            # Of every second batch the feedback is sent first.
            requests = [("impressions", shown), ("feedback", clicks)][:: -1 if number % 2 else 1]
            for kind, rows in requests:
                self._send(kind, f"{kind}-{number}", rows)
            self.shown += names
            self.clicked += names[::3]
            number += 1

    def _send(self, kind, batch_id, rows):
        headers = {"Content-Type": "application/json", "Batch-Id": batch_id}
        while True:
            try:
                body = json.dumps(rows).encode()
                answer = self.client.request("POST", f"{self.path}/{kind}", body, headers)
            except (OSError, http.client.HTTPException):
                answer = None
            if answer is not None and answer.status == 202:
                return
            if answer is not None and answer.status != 503:
                self.refused.append(f"{answer.status} {answer.body.decode()}")
                return
            time.sleep(0.02)


def _at(number):
    return {"event_time": FIRST_EVENT_TIME.replace(microsecond=number % 1000 * 1000).isoformat()}


@pytest.mark.parametrize("policy", POLICIES)
def test_nothing_shown_is_lost_or_joined_twice(stack, api, policy):
    slug = policy.replace("_", "-") + "-killed"
    driven = Driven(api, slug, **POLICIES[policy])
    with Shop(api, slug) as shop:
        for victims in VICTIMS:
            goal = len(shop.shown) + 10 * ROWS
            wait_until(lambda goal=goal: len(shop.shown) >= goal, 30, "nothing more is shown")
            for name in victims:
                stack.kill(name)
            mend(stack)
    assert not shop.refused
    joiner = wait_until(lambda: settled(driven, shop), 60, "not all that was shown was joined")
    samples = read_samples(stack, slug)
    labels = Counter((row["item"], int(row["label"])) for row in samples)
    clicked = set(shop.clicked)
    if policy == "wait":
        assert Counter(row["item"] for row in samples) == Counter(shop.shown)
        late = sum(labels[name, 0] for name in clicked)
        assert joiner["counts"]["late"] == late
        assert joiner["counts"]["joined_positives"] == len(clicked) - late
    else:
        negatives = Counter((name, 0) for name in shop.shown)
        assert labels == negatives + Counter((name, 1) for name in clicked)
    assert joiner["counts"]["impressions"] == len(shop.shown)
    assert joiner["counts"]["feedback"] == len(clicked)


def settled(driven, shop):
    """What the joiner says, once nothing waits any more."""
    joiner = driven.api.call("GET", f"{driven.path}/joiner")
    counts = joiner["counts"]
    followed = joiner["delayed_feedback"] == "wait"
    followed = followed or counts["joined_positives"] == len(shop.clicked)
    return joiner if not joiner["pending"] and followed else None


def read_samples(stack, slug):
    columns = READ.replace('["offset", "item"]', '["offset", "item", "label"]')
    return json.loads(stack.manage("shell", "-v", "0", "-c", columns.format(slug=slug)))
