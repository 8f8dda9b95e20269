"""What a roll-back would take back, to be read before it is done."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

import pyarrow as pa
import redis

from updates.artifacts import CorruptArtifact
from updates.flows.measured import user_numbers
from updates.learners.base import TrainedElsewhere
from updates.metrics import LossDifference, Quality, loss_difference, quality
from updates.models import Deployment, ModelVersion
from updates.models.version import IllegalVersionMove
from updates.samples.archive import CorruptSegment
from updates.samples.durable import LogUnavailable
from updates.samples.log import SampleLog
from updates.samples.offsets import rest
from updates.samples.schema import LABEL, WEIGHT
from updates.samples.stream import LogGap
from updates.serving import scorer
from updates.serving.counts import users_of

logger = logging.getLogger(__name__)

# The newest that neither version has learned; more would take long and say the same.
MOST_JUDGED = 5_000
UNREADABLE = (CorruptArtifact, CorruptSegment, LogGap, LogUnavailable, TrainedElsewhere)


@dataclass(frozen=True)
class Judged:
    """Both versions on the same samples, which neither has learned.

    first_offset, last_offset : of the samples. difference : of the version to go back to less the
    live one.
    """

    first_offset: int
    last_offset: int
    live: Quality
    to: Quality
    difference: LossDifference

    @property
    def verdict(self) -> str:
        """Whether one predicts better, beyond noise, in words."""
        if not self.difference.beyond_noise:
            return "no difference beyond noise"
        return "worse, beyond noise" if self.difference.mean > 0 else "better, beyond noise"


@dataclass(frozen=True)
class RollBackCost:
    """What going back from ``live`` to ``to`` takes back, as it stood at ``now``."""

    live: ModelVersion
    to: ModelVersion
    now: datetime

    @property
    def samples(self) -> int:
        """Samples that the live version has learned and the other has not; they stay in the log."""
        return max(0, self.live.next_offset - self.to.next_offset)

    @property
    def age_seconds(self) -> float | None:
        """Age of the live version."""
        return self._age(self.live)

    @property
    def age_after_seconds(self) -> float | None:
        """Age of the version to go back to."""
        return self._age(self.to)

    def _age(self, version: ModelVersion) -> float | None:
        watermark = version.watermark
        return (self.now - watermark).total_seconds() if watermark else None

    @cached_property
    def taken_back(self) -> list[Deployment]:
        """What has been live since the version was last, oldest first."""
        moves = self.live.recommender.deployments.order_by("pk")
        last = moves.filter(version=self.to).last()
        return list(moves.filter(pk__gt=last.pk)) if last else []

    @property
    def requests(self) -> int:
        """Requests that what is taken back has answered."""
        return sum(deployment.scored_requests for deployment in self.taken_back)

    @property
    def rows(self) -> int:
        """Rows that it has scored."""
        return sum(deployment.scored_rows for deployment in self.taken_back)

    @cached_property
    def users(self) -> int | None:
        """Users that it has answered, each counted once, within 1 %; None where none was named, or
        Valkey does not answer."""
        named = [d.pk for d in self.taken_back if d.scored_users is not None]
        if not named:
            return None
        try:
            return users_of(self.live.recommender, named)
        except redis.RedisError as error:
            logger.warning("users of a roll-back are not counted: %s", error)
            return None

    @property
    def judged(self) -> Judged | None:
        """Which predicts better; None where ``not_judged`` says why that is not known."""
        return self._compared if isinstance(self._compared, Judged) else None

    @property
    def not_judged(self) -> str:
        """Why they are not compared; empty where they are."""
        return "" if isinstance(self._compared, Judged) else self._compared

    @cached_property
    def _compared(self) -> Judged | str:
        try:
            found = self._compare()
        except UNREADABLE as error:
            return str(error)
        if found is None or not found.live.judgeable:
            return "too few samples are left that neither version has learned"
        return found

    def _compare(self) -> Judged | None:
        log = SampleLog(self.live.recommender)
        stop = log.head().last_offset + 1
        start = max(self.live.next_offset, self.to.next_offset, stop - MOST_JUDGED)
        if start >= stop or not rest(log.left_out, start, stop):
            return None
        table = pa.Table.from_batches(log.read(start, stop)).combine_chunks()
        labels, weights = (table[name].to_numpy().astype(float) for name in (LABEL, WEIGHT))
        live, to = (scorer.predict(version, table) for version in (self.live, self.to))
        return Judged(
            start,
            stop - 1,
            quality(labels, live, weights),
            quality(labels, to, weights),
            loss_difference(labels, to, live, weights, user_numbers(table, log.recommender)),
        )


def roll_back_cost(to: ModelVersion, now: datetime) -> RollBackCost:
    """What going back to that version would take back.

    Raises IllegalVersionMove where it is live already, or nothing is.
    """
    live = to.recommender.live_version
    if live is None or live == to:
        raise IllegalVersionMove(f"There is nothing to go back from to version {to.number}.")
    return RollBackCost(live, to, now)
