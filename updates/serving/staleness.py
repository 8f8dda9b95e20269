"""Whether what is served is stale now: as freshness has it, at the price of one look a second."""

from __future__ import annotations

import logging
import time
from datetime import datetime

from updates.models import Recommender
from updates.samples.log import LogUnavailable, SampleLog
from updates.serving.weights import Learned

logger = logging.getLogger(__name__)

# The log is asked no more often: only where the age alone would be stale, as most never are.
LOOK_SECONDS = 1.0


class Staleness:
    """What one process knows of how far logs have come."""

    def __init__(self) -> None:
        self._newest: dict[int, tuple[float, int | None]] = {}

    def is_stale(self, recommender: Recommender, learned: Learned, now: datetime) -> bool:
        """Whether the age is beyond objective and grace while samples wait to be learned.

        Where the log does not answer it goes by the age alone; what has learned nothing is stale.
        """
        allowed = recommender.freshness_objective_seconds + recommender.grace_seconds
        age = learned.age_seconds(now)
        if age is not None and age <= allowed:
            return False
        newest = self._newest_offset(recommender)
        return newest is None or newest > learned.offset

    def _newest_offset(self, recommender: Recommender) -> int | None:
        looked_at, newest = self._newest.get(recommender.pk, (-LOOK_SECONDS, None))
        if time.monotonic() - looked_at >= LOOK_SECONDS:
            try:
                newest = SampleLog(recommender).head().last_offset
            except LogUnavailable as error:
                logger.warning("%s: its staleness goes by age: %s", recommender.slug, error)
                newest = None
            self._newest[recommender.pk] = time.monotonic(), newest
        return newest
