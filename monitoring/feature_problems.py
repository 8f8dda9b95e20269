"""Why it is not known how old some features are: what those who are asked said last."""

from __future__ import annotations

import json
from collections.abc import Sequence

from monitoring.feature_ages import RECENT_SECONDS
from recadmin.valkey import connection
from updates.models import Recommender
from updates.samples.durable import unavailable_as_such

OF_ALL = "recadmin:feature-problems"


def remember(recommender: Recommender | None, source: str, problems: Sequence[str]) -> None:
    """What this source says now, in place of what it said before: of all recommenders, or of one.

    Forgotten in ten minutes where it says nothing more. Raises LogUnavailable.
    """
    key = _key(recommender)
    with unavailable_as_such(), connection().pipeline() as pipeline:
        if problems:
            pipeline.hset(key, source, json.dumps(problems))
            pipeline.expire(key, RECENT_SECONDS)
        else:
            pipeline.hdel(key, source)
        pipeline.execute()


def problems_now(recommender: Recommender) -> list[str]:
    """Sentences, those that concern all recommenders first. Raises LogUnavailable."""
    with unavailable_as_such(), connection().pipeline(transaction=False) as pipeline:
        pipeline.hgetall(OF_ALL)
        pipeline.hgetall(_key(recommender))
        found = pipeline.execute()
    return [said for key in found for _, told in sorted(key.items()) for said in json.loads(told)]


def _key(recommender: Recommender | None) -> str:
    return OF_ALL if recommender is None else f"{recommender.stream_key}:feature-problems"
