"""How one process keeps up with what online learning sends for one recommender."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from django.utils import timezone

from updates import signals
from updates.models import Recommender, ServingReport
from updates.serving.lags import Lags
from updates.serving.served import Served

# Reading a checkpoint again costs more than looking for deltas.
RETRY_SECONDS = 2.0


class Following:
    """What is reported, and when to try again what could not be done.

    refusal : why the wanted version is not served. trouble : why its weights do not go on.
    gaps_healed : how often deltas were missing and a checkpoint had what they did. followed_at :
    since when it follows, None where there is nothing to. synced_at : when it last had everything
    that had been sent. lags : of the samples served since they were taken.
    """

    def __init__(self) -> None:
        self.refusal = self.trouble = ""
        self.gaps_healed = 0
        self.followed_at: datetime | None = None
        self.synced_at: datetime | None = None
        self.lags = Lags()
        self._retry_at = 0.0
        self._told: list[Any] = []

    def begin(self, trouble: str, *, follows: bool) -> None:
        """Weights were loaded: follow from there, where they can be followed."""
        self.trouble, self._retry_at = trouble, 0.0
        self.followed_at = timezone.now() if follows else None

    def went_on(self) -> None:
        """A delta was applied."""
        self.trouble = ""

    def has_everything(self, at: datetime) -> None:
        """All that had been sent by then is served."""
        self.trouble, self.synced_at = "", at

    def is_stuck(self, why: str) -> None:
        """It cannot go on; look again after a while."""
        self.trouble, self._retry_at = why, time.monotonic() + RETRY_SECONDS

    @property
    def waits(self) -> bool:
        """Whether it is too early to try again."""
        return time.monotonic() < self._retry_at

    def facts(self, served: Served | None) -> dict[str, Any]:
        """For the report of this process."""
        weights = served.weights if served else None
        return {
            "error": self.refusal or self.trouble,
            "offset": weights and weights.offset,
            "watermark": weights and weights.watermark,
            "sequence": weights and weights.sequence,
            "gaps_healed": self.gaps_healed,
            "followed_at": self.followed_at,
            "synced_at": self.synced_at,
        }

    def tell(self, served: Served, process: str) -> None:
        """Report what has changed since the last call, and announce what was served meanwhile."""
        facts = self.facts(served)
        news = [value for name, value in facts.items() if name != "synced_at"]
        if news != self._told:
            ServingReport.objects.filter(
                recommender_id=served.recommender_id, process=process
            ).update(**facts, reported_at=timezone.now())
            self._told = news
        lags, counts = self.lags.take()
        if not len(lags):
            return
        if recommender := Recommender.objects.filter(pk=served.recommender_id).first():
            signals.synced.send(
                Recommender, recommender=recommender, lags_ms=lags, counts=counts, at=timezone.now()
            )
