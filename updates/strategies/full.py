"""Full update: train anew over a window of event time."""

from __future__ import annotations

from datetime import datetime, timedelta

from updates.learners.base import Learner, Progress
from updates.strategies.base import Candidate, Log


def train(
    log: Log,
    learner: Learner,
    *,
    stop: int,
    newest: datetime,
    window_seconds: int | None,
    progress: Progress,
) -> Candidate:
    """A candidate that has learned the window up to offset ``stop`` (not included).

    The window counts back from the newest event time in the log, not from the clock: a log that
    was imported or stood still is still trained on. None means the whole log.
    """
    candidate = Candidate(learner)
    since = window_start(newest, window_seconds)
    candidate.fit(log, 1, stop, since=since, progress=progress)
    return candidate


def window_start(newest: datetime, window_seconds: int | None) -> datetime | None:
    """The oldest event time that belongs to the window; None for the whole log."""
    return newest - timedelta(seconds=window_seconds) if window_seconds else None
