"""Which features requests told the time of lately, noted as they come: those are not asked for."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from recadmin.valkey import connection
from updates import signals
from updates.models import Recommender
from updates.samples.durable import LogUnavailable, unavailable_as_such

logger = logging.getLogger(__name__)

LATELY_SECONDS = 600
# A process notes a feature again once it is so old, and not at every request.
AGAIN_SECONDS = 60

_noted: dict[tuple[int, str], float] = {}


def connect() -> None:
    """Listen to what requests tell; what Feast does has another sender."""
    signals.features_used.connect(note, sender=Recommender, dispatch_uid="neighbours.feast.sent")


def note(
    recommender: Recommender, ages_seconds: Mapping[str, float], at: datetime, **kwargs: Any
) -> None:
    """Note these features as told of now; a failure is logged and breaks nothing."""
    now = at.timestamp()
    due = [
        name
        for name in ages_seconds
        if now - _noted.get((recommender.pk, name), 0) >= AGAIN_SECONDS
    ]
    if not due:
        return
    try:
        with unavailable_as_such(), connection().pipeline(transaction=False) as pipeline:
            pipeline.hset(_key(recommender), mapping=dict.fromkeys(due, now))
            pipeline.expire(_key(recommender), LATELY_SECONDS)
            pipeline.execute()
    except LogUnavailable as error:
        logger.warning("%s: features told of are not noted: %s", recommender.slug, error)
        return
    _noted.update({(recommender.pk, name): now for name in due})


def lately_sent(recommender: Recommender, now: datetime) -> set[str]:
    """Features that requests of the last ten minutes told the time of. Raises LogUnavailable."""
    with unavailable_as_such():
        noted = connection().hgetall(_key(recommender))
    since = now.timestamp() - LATELY_SECONDS
    return {name.decode() for name, at in noted.items() if float(at) > since}


def _key(recommender: Recommender) -> str:
    return f"{recommender.stream_key}:feature-times-sent"
