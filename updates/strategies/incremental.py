"""Incremental update: learn the new samples on top of the live version."""

from __future__ import annotations

import numpy as np

from updates.learners.base import Progress
from updates.strategies.base import Candidate, Log, NothingToLearn

# Replayed samples are read in runs of this many neighbours: a run costs one read.
REPLAY_BLOCK = 256


def train(
    log: Log, base: Candidate, *, stop: int, replay_fraction: float, progress: Progress
) -> Candidate:
    """The base, having learned everything from where it stood up to ``stop`` (not included).

    ``replay_fraction`` older samples for each new one are learned again first, so that the newest
    have the last word; which ones is drawn with a seed made of the offsets: the same update
    replays the same samples. Raises NothingToLearn where the base has learned all there is.
    """
    start = base.position
    if start >= stop:
        raise NothingToLearn(f"Everything up to offset {start - 1} is learned already.")
    for first, last in replay_blocks(start, stop, replay_fraction):
        base.replay(log, first, last, progress=progress)
    base.learn(log, stop, progress=progress)
    return base


def replay_blocks(start: int, stop: int, fraction: float) -> list[tuple[int, int]]:
    """Half-open offset ranges below ``start`` to replay, in order, about fraction·(stop−start)."""
    wanted = min(int(fraction * (stop - start)), start - 1)
    if wanted <= 0:
        return []
    size = min(REPLAY_BLOCK, wanted)
    blocks = (start - 1) // size
    random = np.random.default_rng([start, stop])
    chosen = np.sort(random.choice(blocks, size=min(wanted // size, blocks), replace=False))
    return [(1 + int(block) * size, 1 + (int(block) + 1) * size) for block in chosen]
