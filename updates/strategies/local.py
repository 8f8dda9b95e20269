"""Local update: some components of a model learn, the others stay as they are."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from updates.learners.base import Learner, Progress
from updates.strategies.base import Candidate, Log, NothingToLearn


def begins_anew(
    learner: type[Learner], components: Collection[str], window_seconds: int | None
) -> bool:
    """Whether an update of these components trains them from nothing: asked for by a window, or
    because samples do not move them."""
    return window_seconds is not None or bool(learner.only_anew & set(components))


def train(
    log: Log,
    base: Candidate,
    components: Collection[str],
    *,
    stop: int,
    anew: bool,
    since: datetime | None,
    progress: Progress,
) -> Candidate:
    """The base, its components having learned up to offset ``stop`` (not included).

    Each goes on from where it stood; with ``anew`` they begin from nothing, and learn the event
    times from ``since`` on (None: the whole log). Raises NothingToLearn.
    """
    learner = base.learner
    base.learning = learner.moved(learner.written(components))
    if anew:
        base.fit(log, 1, stop, since=since, components=components, progress=progress)
        return base
    if base.position >= stop:
        raise NothingToLearn(f"Everything up to offset {stop - 1} is learned already.")
    base.learn(log, stop, progress=progress)
    return base
