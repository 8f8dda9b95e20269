"""How far a sample log has come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max

from updates.models import Segment
from updates.samples.batches import from_ms
from updates.samples.stream import StreamHead


@dataclass(frozen=True)
class Head:
    """How far a log has come: 0, None, None when it is empty."""

    last_offset: int = 0
    newest_event_time: datetime | None = None
    newest_arrived_at: datetime | None = None


def archived_heads(recommender_ids: list[int]) -> dict[int, Head]:
    """Of those recommenders that have something archived, how far that goes: one query."""
    if not recommender_ids:
        return {}
    segments = Segment.objects.filter(recommender__in=recommender_ids).order_by()
    newest = segments.values("recommender").annotate(
        last=Max("last_offset"), time=Max("max_event_time")
    )
    return {row["recommender"]: Head(row["last"], row["time"]) for row in newest}


def head_of(head: StreamHead) -> Head:
    if not head.last_offset:
        return Head()
    return Head(
        head.last_offset,
        from_ms(head.newest_event_time_ms),
        from_ms(head.newest_arrived_at_ms),
    )
