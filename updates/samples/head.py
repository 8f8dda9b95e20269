"""How far a sample log has come. Imports no Django."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from updates.samples.batches import from_ms
from updates.samples.stream import StreamHead


@dataclass(frozen=True)
class Head:
    """How far a log has come: 0, None, None when it is empty."""

    last_offset: int = 0
    newest_event_time: datetime | None = None
    newest_arrived_at: datetime | None = None


def head_of(head: StreamHead) -> Head:
    """As its stream tells it."""
    if not head.last_offset:
        return Head()
    return Head(
        head.last_offset,
        from_ms(head.newest_event_time_ms),
        from_ms(head.newest_arrived_at_ms),
    )
