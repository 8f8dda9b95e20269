"""Devices of some of the feed's users: each refreshes its user's vector and sends what it saw."""

from __future__ import annotations

import heapq
import logging
from collections import defaultdict
from datetime import datetime

import numpy as np
import pyarrow as pa
from django.utils import timezone

from updates.flows.refresh_user import Sent, TooMuch, refresh_user, user_vector
from updates.learners.device import Interaction
from updates.models import Recommender
from updates.samples.durable import LogUnavailable
from updates.samples.replay import TimeMap
from updates.serving import scorer
from updates.serving.scorer import NoLiveVersion
from updates.simulation.fleet import DEVICE_EVERY
from updates.simulation.rows import PASSED_OVER_MINUTES, Impressions
from updates.strategies.client import ImplausibleVector

logger = logging.getLogger(__name__)


# (id, item, label, simulated time)
Seen = tuple[str, str, float, int]


def on_devices(shown: Impressions) -> np.ndarray:
    """(n,) whether the user has a device of its own."""
    return np.asarray(shown.contexts.users % DEVICE_EVERY == 0)


class Devices:
    """What devices have seen and not sent yet."""

    def __init__(self, recommender: Recommender) -> None:
        self.recommender = recommender
        self._waiting: list[tuple[int, str, Seen]] = []

    def see(self, shown: Impressions, batch: pa.RecordBatch, ids: list[str]) -> None:
        """Impressions of users with devices, of which the device knows whether they are clicked."""
        users, items = batch.column("user").to_pylist(), batch.column("item").to_pylist()
        delays = np.where(shown.clicked, shown.delays_ms, PASSED_OVER_MINUTES * 60_000)
        for row in np.flatnonzero(on_devices(shown)).tolist():
            at = int(shown.shown_ms[row])
            seen = (ids[row], items[row], float(shown.clicked[row]), at)
            heapq.heappush(self._waiting, (at + int(delays[row]), users[row], seen))

    def take(self, until_ms: int) -> dict[str, list[Seen]]:
        """What was decided by then, by user, no longer to be sent."""
        of_user: dict[str, list[Seen]] = defaultdict(list)
        while self._waiting and self._waiting[0][0] <= until_ms:
            _, user, seen = heapq.heappop(self._waiting)
            of_user[user].append(seen)
        return of_user

    def send(self, until_ms: int, to_present: TimeMap) -> None:
        """What was decided by then, device by device."""
        for user, all_seen in self.take(until_ms).items():
            try:
                _refresh(self.recommender, user, all_seen, to_present, timezone.now())
            except NoLiveVersion:
                return
            except (ImplausibleVector, TooMuch, LogUnavailable) as refusal:
                logger.warning("the device of %s: %s", user, refusal)


def _refresh(
    recommender: Recommender, user: str, seen: list[Seen], to_present: TimeMap, now: datetime
) -> None:
    """What ``recadmin-client.js`` does: learn on the device, then send the vector with what it was
    made of."""
    present = user_vector(recommender, user)
    learned = [Interaction(item, label) for _, item, label, _ in seen]
    vector, _ = scorer.served(recommender).weights.read(
        lambda learner: learner.on_device().steps(present.vector.user, learned)[-1]
    )
    times = to_present.to_present(np.array([at for *_, at in seen], np.int64)).tolist()
    interactions = [
        {"id": name, "item": item, "label": label, "event_time": at}
        for (name, item, label, _), at in zip(seen, times, strict=True)
    ]
    was = present.vector
    sent = Sent(was.space_id, was.revision, was.offset, vector, interactions, sent_at=now)
    refresh_user(recommender, user, sent, now)
