"""Celery's queues, as they lie in Valkey: how long they are, and how long the oldest has waited."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from redis.client import Pipeline

# What each queue is for: said on the page and in the answer of /readyz.
QUEUES = {
    "control": "the tick of the scheduler, joining, measurements, archiving",
    "runs": "updates, proofs and what-ifs",
    "online": "online sessions",
}
# The header of a message that says when it was sent, in seconds since 1970.
SENT_AT = "sent_at"


@dataclass(frozen=True)
class Queue:
    """A queue at one instant; ``oldest_at``: when its oldest message was sent, where it says so."""

    name: str
    messages: int
    oldest_at: datetime | None

    @property
    def purpose(self) -> str:
        """What it is for."""
        return QUEUES[self.name]


def ask(pipeline: Pipeline) -> None:
    """Add the questions to a pipeline: two of each queue."""
    for name in QUEUES:
        pipeline.llen(name)
        pipeline.lindex(name, -1)  # messages come in at the head


def read(replies: list[int | bytes | None]) -> list[Queue]:
    """The queues, from the replies to ``ask``."""
    lengths, oldest = replies[::2], replies[1::2]
    return [
        Queue(name, length, message and _sent_at(message))
        for name, length, message in zip(QUEUES, lengths, oldest, strict=True)
    ]


def _sent_at(message: bytes) -> datetime | None:
    sent_at = json.loads(message)["headers"].get(SENT_AT)
    return sent_at and datetime.fromtimestamp(sent_at, UTC)
