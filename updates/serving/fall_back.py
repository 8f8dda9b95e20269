"""What a request gets while the model is stale, as its recommender says."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from updates.learners.base import RecommendUnsupported
from updates.models import Recommender
from updates.models.recommender import WhenStale
from updates.serving.scorer import NoLiveVersion
from updates.serving.served import Scored

logger = logging.getLogger(__name__)

Answer = TypeVar("Answer", bound=Scored)


def answer(recommender: Recommender, ask: Callable[[Recommender], Answer]) -> Answer:
    """Its own answer; while it is stale and says so, that of its fallback where that has one.

    The fallback's age and version are told then, whatever they are: nobody stands in for it.
    """
    found = ask(recommender)
    other = recommender.fallback if found.stale and _falls_back(recommender) else None
    if other is None:
        return found
    try:
        return replace(ask(other), stale=True, fallback=other.slug)
    except (NoLiveVersion, RecommendUnsupported) as error:
        logger.warning("%s is stale and cannot fall back: %s", recommender.slug, error)
        return found


def stale_headers(recommender: Recommender, found: Scored) -> dict[str, str]:
    """Of an answer that is flagged: warn-code 110 of RFC 7234, §5.5.1, which proxies know."""
    flagged = found.stale and recommender.when_stale == WhenStale.FLAG
    return {"Warning": '110 recadmin "Response is Stale"'} if flagged else {}


def _falls_back(recommender: Recommender) -> bool:
    return recommender.when_stale == WhenStale.FALL_BACK
