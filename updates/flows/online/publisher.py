"""What a session learns, to serving: changed weights in order, unless they are withheld."""

from __future__ import annotations

import time
from contextlib import suppress

from django.utils import timezone

from recadmin.valkey import connection
from updates.flows.online.position import Standing
from updates.models import Recommender, UpdatePolicy
from updates.samples.batches import to_ms
from updates.samples.durable import LogUnavailable
from updates.serving.deltas import DeltaStream, Sent, positions

# How long to wait for samples before looking whether anything else is to be done.
WAIT_MS = 100


class Publisher:
    """Sends what is new of a standing on its line of online learning.

    withheld : whether nothing is sent. unsent : a delta that could not be sent yet; the learner no
    longer remembers what is in it.
    """

    def __init__(
        self, recommender: Recommender, policy: UpdatePolicy, standing: Standing, *, withheld: bool
    ) -> None:
        self.recommender, self.policy, self.standing = recommender, policy, standing
        self.withheld = withheld
        self.unsent: Sent | None = None
        self.stream = self._stream()
        self._arrivals: dict[int, int] = {}
        self._sent_before = 0
        self._next_sync = 0.0

    def begin(self) -> None:
        """Be the one that sends, unless it is withheld. Raises Fenced and LogUnavailable."""
        if self.withheld:
            return
        client, prefix = self.stream.client, self.recommender.stream_key
        standing = self.standing
        [sent] = positions(client, [prefix])
        if sent and sent.epoch < standing.epoch:
            DeltaStream(client, prefix, sent.epoch).abandon()
        self.stream.begin(standing.fence)
        [sent] = positions(client, [prefix])
        # What an earlier session had sent beyond its last checkpoint is learned again first: the
        # same samples give the same weights, and nobody is sent back.
        self._sent_before = sent.offset if sent and sent.epoch == standing.epoch else 0
        base = standing.base.next_offset - 1 if standing.base else 0
        if not self._sent_before and standing.learned > base:
            self._announce()

    def withhold(self) -> None:
        """Send nothing from now on; who has received what was sent is told to forget it."""
        self.withheld, self.unsent = True, None
        with suppress(LogUnavailable):
            self.stream.abandon()

    def go_on(self) -> None:
        """On the line that the standing is of now, of which a checkpoint holds all that is
        learned. Raises Fenced and LogUnavailable."""
        self.withheld = False
        self.stream, self._arrivals = self._stream(), {}
        self.standing.sent = self.standing.learned
        self.begin()

    def count(self, arrivals: list[tuple[int, int]]) -> None:
        """Samples were learned: when they arrived (epoch ms), and how many."""
        for arrived, samples in arrivals:
            self._arrivals[arrived] = self._arrivals.get(arrived, 0) + samples

    def wait_ms(self) -> int:
        """How long to wait for more samples: what is learned is sent when it is due."""
        if not self._has_news():
            return WAIT_MS
        due_ms = int(1000 * (self._next_sync - time.monotonic()))
        return max(1, min(due_ms, WAIT_MS))  # 0 would be for ever

    def sync_if_due(self) -> None:
        """As ``sync``, at most once in ``sync_interval_ms``."""
        if time.monotonic() >= self._next_sync:
            self.sync()

    def sync(self) -> None:
        """Send what changed, once it goes beyond all that was sent before.

        After a pause the first samples are sent at once. Raises Fenced and LogUnavailable.
        """
        began = time.monotonic()
        if self.unsent is None and self._has_news():
            self.unsent = self._news()
        if self.unsent is not None:
            # Sent again after a failure it is the same delta, which counts once.
            self._publish(self.unsent)
            self.standing.sent, self.unsent = self.unsent.offset, None
            self._next_sync = began + self.policy.sync_interval_ms / 1000

    def trim(self, offset: int) -> None:
        """A checkpoint holds what deltas up to there did. Raises LogUnavailable."""
        self.stream.trim(offset)

    def _announce(self) -> None:
        """A delta that goes on from nowhere, for a checkpoint of which nothing was sent: who finds
        it takes the checkpoint."""
        if self.standing.learning.candidate.watermark is not None:
            self._publish(self._news(since=self.standing.learned))

    def _publish(self, sent: Sent) -> None:
        self.stream.publish(self.standing.fence, sent, to_ms(timezone.now()))

    def _stream(self) -> DeltaStream:
        return DeltaStream(connection(), self.recommender.stream_key, self.standing.epoch)

    def _has_news(self) -> bool:
        standing = self.standing
        if self.withheld or standing.learning.candidate.watermark is None:
            # Nothing is sent, or all that there is so far is quarantined.
            return False
        return standing.learned > max(standing.sent, self._sent_before)

    def _news(self, since: int | None = None) -> Sent:
        arrivals, self._arrivals = self._arrivals, {}
        candidate = self.standing.learning.candidate
        return Sent(
            sequence=0,
            since=self.standing.sent if since is None else since,
            offset=self.standing.learned,
            watermark_ms=to_ms(candidate.watermark),
            arrivals=sorted(arrivals.items()),
            payload=candidate.learner.delta(),
        )
