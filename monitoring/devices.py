"""What users' devices bring: whose vectors are fresh, what was refused, what it was worth."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from monitoring.freshness import LiveFacts
from monitoring.user_ages import AGES, CLIENT, SERVER, UserAges, user_ages
from recadmin.valkey import connection
from updates.metrics import entropy
from updates.models import Recommender
from updates.samples.batches import to_ms
from updates.samples.durable import unavailable_as_such
from updates.samples.log import Head, SampleLog
from updates.serving.user_vectors import devices_of

logger = logging.getLogger(__name__)

# Whose vectors are looked at: who is among the newest samples, of the last day.
LOOK_BACK = timedelta(days=1)
MOST_SAMPLES = 50_000
KEPT_SECONDS = 3_600


def measure(
    recommender: Recommender, head: Head, served: LiveFacts | None, now: datetime
) -> UserAges | None:
    """Look at the vectors of users who did something of late, and keep what was seen for the page.

    served : what is served of the model. None where nothing is. Raises LogUnavailable.
    """
    learned = _learned(recommender, served)
    if learned is None:
        return None
    log, user = SampleLog(recommender), str(recommender.sample_schema.user)
    start = max(head.last_offset - MOST_SAMPLES, 0) + 1
    rows = [
        pa.table(
            {
                "user": batch.column(user),
                "offset": batch.column("offset").cast(pa.int64()),
                "event_time_ms": batch.column("event_time").view(pa.int64()),
            }
        )
        for batch in log.read(start, head.last_offset + 1, since=now - LOOK_BACK)
    ]
    if not rows:
        return None
    table = pa.concat_tables(rows).drop_null()
    told = devices_of(recommender).told(to_ms(now - LOOK_BACK), learned)
    found = user_ages(table, told, learned, recommender.freshness_objective_seconds, to_ms(now))
    kept = json.dumps({"measured_at": now.isoformat(), **found.to_json()})
    with unavailable_as_such():
        connection().set(_key(recommender), kept, ex=KEPT_SECONDS)
    return found


def report(recommender: Recommender) -> dict[str, Any]:
    """All that the API and the page say of devices. Raises LogUnavailable."""
    counts = devices_of(recommender).counts()
    with unavailable_as_such():
        kept = connection().get(_key(recommender))
    seen = json.loads(kept) if kept else None
    return {
        "outcomes": _by(counts, "outcome:"),
        "refused": _by(counts, "refused:"),
        "interactions": int(counts.get("interactions", 0)),
        "lift": lift(counts),
        "users": seen and _users(seen),
    }


def lift(counts: Mapping[str, float]) -> dict[str, Any]:
    """What refreshed vectors were worth: every interaction was predicted as it came, by the vector
    that devices had refreshed until then and by the one that training alone had made.

    ne_gain : mean difference of their log losses ÷ entropy of the mean label, with the half-width
    of its 95 % interval, interactions taken as independent; certain : whether that leaves 0 out.
    None where it is not defined.
    """
    n, positives = counts.get("interactions", 0.0), counts.get("positives", 0.0)
    nothing = {"ne_gain": None, "ne_gain_95": None, "certain": None}
    if n < 2 or not 0 < positives < n:
        return nothing
    gained, squares = counts.get("gained", 0.0), counts.get("gained_squares", 0.0)
    mean, scale = gained / n, entropy(positives / n)
    variance = max(squares / n - mean**2, 0.0) * n / (n - 1)
    gain, width = mean / scale, 1.96 * math.sqrt(variance / n) / scale
    return {"ne_gain": gain, "ne_gain_95": width, "certain": abs(gain) > width}


def _users(seen: dict[str, Any]) -> dict[str, Any]:
    ends = [*AGES, None]
    return {
        "measured_at": seen["measured_at"],
        "users": seen["users"],
        "fresh": seen["fresh"],
        "share": seen["fresh"] / seen["users"] if seen["users"] else None,
        "ages": [
            {"up_to_seconds": end, "client": client, "server": server}
            for end, client, server in zip(
                ends, seen["ages"][CLIENT], seen["ages"][SERVER], strict=True
            )
        ],
    }


def _learned(recommender: Recommender, served: LiveFacts | None) -> int | None:
    """The last offset that training has learned of users, as served."""
    if served is not None:
        return served.next_offset - 1
    live = recommender.live_version
    return live.component(recommender.device_component)["next_offset"] - 1 if live else None


def _by(counts: Mapping[str, float], kind: str) -> dict[str, int]:
    return {
        name.removeprefix(kind): int(count)
        for name, count in sorted(counts.items())
        if name.startswith(kind)
    }


def _key(recommender: Recommender) -> str:
    return f"{recommender.stream_key}:user-ages"
