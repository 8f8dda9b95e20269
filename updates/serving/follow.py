"""Weights in a web process go on with what online sessions send.

One thread waits for the deltas of all recommenders that the process serves. Each is applied where
the weights stand: within the offsets that it covers. Where deltas are missing (they were trimmed,
or Valkey lost them), the checkpoint of that line of online learning has what they did, and the
deltas after it go on from there. While nothing can be had, the weights go on serving as they are,
and the report says so.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from recadmin.valkey import connection
from updates.artifacts import CorruptArtifact
from updates.learners.registry import UnknownLearner
from updates.samples.batches import to_ms
from updates.samples.durable import LogUnavailable
from updates.serving.deltas import DELTAS_A_READ, DeltaStream, Sent, await_deltas, positions
from updates.serving.loader import checkpoint_weights
from updates.serving.served import Served

if TYPE_CHECKING:
    from updates.serving.scorer import Scorer

logger = logging.getLogger(__name__)

# How long to wait for deltas before seeing whether more recommenders are to be followed.
WAIT_MS = 200
# How often to see whether a line that brings nothing has lost something.
CHECK_SECONDS = 1.0
# Valkey or the database is away.
RETRY_SECONDS = 1.0


class Follower:
    """Brings on the weights that a scorer serves."""

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer
        self._next_check = 0.0

    def step(self, wait_ms: int = WAIT_MS) -> bool:
        """Wait for deltas and apply them; False at once where nothing is followed.

        Raises LogUnavailable and DatabaseError, with everything served as it was.
        """
        lines = {
            DeltaStream(connection(), served.stream_key, served.epoch).key: served
            for served in self.scorer.served()
            if self._follows(served)
        }
        if not lines:
            return False
        offsets = {key: served.weights.offset for key, served in lines.items()}
        found = await_deltas(connection(), offsets, wait_ms)
        for key, deltas in found.items():
            self._take(lines[key], deltas)
        if time.monotonic() >= self._next_check:
            self._check([served for key, served in lines.items() if key not in found])
            self._next_check = time.monotonic() + CHECK_SECONDS
        return True

    def _follows(self, served: Served) -> bool:
        return served.follows and not self.scorer.following[served.recommender_id].waits

    def _take(self, served: Served, deltas: list[Sent]) -> None:
        """Apply them in order, as far as that can be done."""
        following = self.scorer.following[served.recommender_id]
        # What a process finds when it starts was served by others in time.
        late = following.synced_at is None
        for sent in deltas:
            if sent.since > served.weights.offset:
                healed = self._heal(served, sent.since, "missing")
                if healed is None:
                    return
                served = healed
            if sent.offset <= served.weights.offset:
                continue
            try:
                served.weights.apply(sent)
            except Exception:
                # Whatever it holds, the other recommenders go on.
                logger.exception("delta of offset %s of %s", sent.offset, served.stream_key)
                self._heal(served, sent.offset, "unreadable")
                return
            following.went_on()
            if not late:
                following.lags.add(sent.arrivals, to_ms(timezone.now()))
        if len(deltas) < DELTAS_A_READ:
            following.has_everything(timezone.now())

    def _check(self, quiet: list[Served]) -> None:
        """Of lines that brought nothing: whether all that was sent to them is here."""
        at = timezone.now()
        sent = positions(connection(), [served.stream_key for served in quiet])
        for served, position in zip(quiet, sent, strict=True):
            if position and position.epoch == served.epoch:
                # A delta may have come since it was waited for: that one is no gap.
                lost = position.offset > served.weights.offset and not self._stream(served).read(
                    served.weights.offset
                )
                if lost and self._heal(served, position.offset, "missing") is None:
                    continue
            self.scorer.following[served.recommender_id].has_everything(at)

    def _stream(self, served: Served) -> DeltaStream:
        return DeltaStream(connection(), served.stream_key, served.epoch)

    def _heal(self, served: Served, offset: int, what: str) -> Served | None:
        """Serve the checkpoint, which has what deltas up to that offset did; None where not."""
        following = self.scorer.following[served.recommender_id]
        behind = f"Updates after offset {served.weights.offset} are {what}"
        try:
            weights = checkpoint_weights(served.recommender_id, served.epoch, beyond=offset)
        except (CorruptArtifact, UnknownLearner) as refusal:
            following.is_stuck(f"{behind}, and the checkpoint is refused: {refusal}.")
            return None
        if weights is None:
            following.is_stuck(f"{behind}, and no checkpoint has them yet.")
            return None
        logger.warning("%s: %s; caught up from the checkpoint", served.stream_key, behind)
        following.gaps_healed += 1
        return self.scorer.replace_weights(served, weights)


def follow(scorer: Scorer) -> None:
    """Follow for as long as the process lives."""
    follower = Follower(scorer)
    while True:
        try:
            if not follower.step():
                time.sleep(WAIT_MS / 1000)
        except (LogUnavailable, DatabaseError) as error:
            logger.warning("following online learning: %s", error)
            time.sleep(RETRY_SECONDS)
        except Exception:
            logger.exception("following online learning")
            time.sleep(RETRY_SECONDS)
        finally:
            close_old_connections()
