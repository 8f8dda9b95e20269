"""Play recorded samples live: a history at once, the rest as if it happened now."""

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
from django.conf import settings

from updates.flows.append_samples import append_samples
from updates.models import Recommender
from updates.samples.log import BatchConflict, LogUnavailable
from updates.samples.replay import TimeMap, event_times_ms

logger = logging.getLogger(__name__)

HISTORY_BATCH_ROWS = 2_000
TICK_SECONDS = 0.5
RETRY_SECONDS = 1.0


class Replay:
    """One source played into one recommender's log, each sample once, across restarts.

    How far it is stands in a file below the data folder. A process that dies between sending a
    batch and noting it sends it again under the same Batch-Id, made of the source and its first
    row; the log then says which samples it has already.
    """

    def __init__(
        self,
        recommender: Recommender,
        source: str,
        samples: pa.Table,
        speed: float,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.recommender = recommender
        self.source = source
        self.samples = samples.combine_chunks()
        self.speed = speed
        self.now_ms = now_ms
        self._times = event_times_ms(self.samples)
        self._state: Path = settings.RECADMIN_DATA / "replay" / f"r{recommender.pk}.json"
        self.next_row = self._remembered()

    @property
    def finished(self) -> bool:
        """Whether every sample has been played."""
        return self.next_row >= len(self._times)

    def load_history(self, share: float) -> None:
        """Append the first ``share`` of the samples, the last of them happening now."""
        end = int(len(self._times) * share)
        if self.next_row >= end:
            return
        to_present = TimeMap(int(self._times[end - 1]), self.now_ms(), self.speed)
        while self.next_row < end:
            self._send(min(self.next_row + HISTORY_BATCH_ROWS, end), to_present)

    def from_now(self) -> TimeMap:
        """Recorded times as if the next sample happened now."""
        return TimeMap(int(self._times[self.next_row]), self.now_ms(), self.speed)

    def play_due(self, to_present: TimeMap) -> None:
        """Append what has happened by now."""
        due = to_present.to_recorded(self.now_ms())
        end = int(np.searchsorted(self._times, due, side="right"))
        if end > self.next_row:
            self._send(end, to_present)

    def _send(self, end: int, to_present: TimeMap) -> None:
        batch = to_present.move(self.samples.slice(self.next_row, end - self.next_row))
        try:
            append_samples(
                self.recommender,
                batch.combine_chunks().to_batches()[0],
                batch_id=f"replay-{self.source}-{self.next_row}",
            )
        except BatchConflict as sent:
            # By a process that died before noting it, perhaps cut elsewhere or at another time.
            end = self.next_row + sent.last_offset - sent.first_offset + 1
        except LogUnavailable as error:
            logger.warning("waiting for the log: %s", error)
            time.sleep(RETRY_SECONDS)
            return
        self.next_row = end
        self._remember()

    def _remembered(self) -> int:
        try:
            state = json.loads(self._state.read_text())
        except FileNotFoundError:
            return 0
        return int(state["next_row"]) if state["source"] == self.source else 0

    def _remember(self) -> None:
        self._state.parent.mkdir(parents=True, exist_ok=True)
        draft = self._state.with_suffix(".draft")
        draft.write_text(json.dumps({"source": self.source, "next_row": self.next_row}))
        draft.replace(self._state)


def play(*replays: Replay) -> None:
    """Append the rest of each in real time, its next sample happening now; returns at the end."""
    playing = {replay: replay.from_now() for replay in replays if not replay.finished}
    while playing:
        for replay, to_present in playing.items():
            replay.play_due(to_present)
        playing = {replay: at for replay, at in playing.items() if not replay.finished}
        time.sleep(TICK_SECONDS)
