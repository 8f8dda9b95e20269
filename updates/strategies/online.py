"""Online update: learn each sample as it arrives, in order, judged before it is learned."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from updates.learners.delayed_feedback import DELAYED_FEEDBACK, WAIT
from updates.progressive import Progressive
from updates.samples.batches import OFFSET
from updates.samples.offsets import Stretch
from updates.samples.schema import ARRIVED_AT, LABEL, WEIGHT
from updates.strategies.base import Candidate, Coverage


@dataclass(frozen=True)
class Judged:
    """Samples with what was predicted of them before they were learned.

    samples : the rows. predictions : (n,) probabilities. first_offset : of the first row.
    """

    samples: pa.Table
    predictions: np.ndarray
    first_offset: int


class OnlineLearning:
    """A candidate that follows the log, and how good its predictions were.

    keep : so many of the newest samples are kept with their predictions, for the gate.
    """

    def __init__(self, candidate: Candidate, keep: int) -> None:
        self.candidate = candidate
        self.keep = keep
        self.window = self._new_window()
        self._newest: deque[tuple[pa.RecordBatch, np.ndarray]] = deque()
        self._kept = 0

    def learn(self, stretch: Stretch) -> list[tuple[int, int]]:
        """Learn the samples that follow; returns when they arrived (epoch ms), and how many."""
        predictions, batch = self.candidate.follow(stretch), stretch.samples
        labels, weights = (batch.column(name).to_numpy() for name in (LABEL, WEIGHT))
        self.window.add(labels.astype(np.float64), predictions, weights.astype(np.float64))
        self._remember(batch, predictions)
        arrived = batch.column(ARRIVED_AT).to_numpy().astype("datetime64[ms]").astype(np.int64)
        times, counts = np.unique(arrived, return_counts=True)
        return list(zip(times.tolist(), counts.tolist(), strict=True))

    def judged(self) -> Judged | None:
        """The newest samples since the last version with their predictions; None of none."""
        if not self._kept:
            return None
        batches, predictions = zip(*self._newest, strict=True)
        table = pa.Table.from_batches(batches).combine_chunks()
        first = table.column(OFFSET)[0].as_py()
        return Judged(table, np.concatenate(predictions), first)

    def take_window(self) -> Progressive:
        """What was counted since the last call."""
        window, self.window = self.window, self._new_window()
        return window

    def _new_window(self) -> Progressive:
        said = self.candidate.learner.settings.get(DELAYED_FEEDBACK.name, WAIT)
        return Progressive(fake_negatives=said != WAIT)

    def frozen(self) -> Candidate:
        """The candidate as of this instant, to be saved while this one learns on."""
        now = self.candidate
        return replace(
            now,
            learner=now.learner.snapshot(),
            parts=dict(now.parts),
            ranges=list(now.ranges),
            steps=list(now.steps),
        )

    def begin_next(self, base_digest: str) -> None:
        """What was learned so far became a version: what follows is learned on top of that."""
        self.candidate.base_digest = base_digest
        self.candidate.steps, self.candidate.samples = [], 0
        self.candidate.renewed, self.candidate.coverage = set(), Coverage()
        self._newest.clear()
        self._kept = 0

    def _remember(self, batch: pa.RecordBatch, predictions: np.ndarray) -> None:
        rows = min(self.keep, batch.num_rows)
        if not rows:
            return
        self._newest.append((batch.slice(batch.num_rows - rows), predictions[-rows:]))
        self._kept += rows
        while (extra := self._kept - self.keep) > 0:
            oldest, predicted = self._newest.popleft()
            dropped = min(extra, oldest.num_rows)
            self._kept -= dropped
            if dropped < oldest.num_rows:
                self._newest.appendleft((oldest.slice(dropped), predicted[dropped:]))
