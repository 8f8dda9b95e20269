"""Where online learning goes on: what this process still holds, a checkpoint, or the live version.

Whichever it is, the same samples have been learned in the same order, so that the bits are equal.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Q

from recadmin.valkey import connection
from updates.artifacts import CorruptArtifact
from updates.learners.base import Learner, no_progress
from updates.models import (
    Checkpoint,
    Deployment,
    ModelVersion,
    PublishingFreeze,
    Quarantine,
    Recommender,
)
from updates.models.policy import Strategy
from updates.models.recommender import among
from updates.samples.durable import LogUnavailable
from updates.samples.log import SampleLog
from updates.serving.deltas import Position, forget, positions
from updates.store import artifacts
from updates.strategies.base import Candidate, Part
from updates.strategies.online import OnlineLearning

logger = logging.getLogger(__name__)


class CannotGoOn(RuntimeError):
    """What is live is of another kind of model than the recommender now asks for."""


@dataclass
class Standing:
    """A session between two samples.

    base : the version that it builds on, None before there is one. sent : last offset of what was
    sent to serving, or from which on changes are remembered. fence : of the lease that sent it.
    """

    epoch: int
    base: ModelVersion | None
    learning: OnlineLearning
    sent: int
    fence: int

    @property
    def learned(self) -> int:
        """Last offset learned."""
        return self.learning.candidate.next_offset - 1


# What sessions that ended in this process left for those that follow, by recommender.
LEFT: dict[int, Standing] = {}
_lock = threading.Lock()


def leave(recommender: Recommender, standing: Standing) -> None:
    """Hand over within the process: the next session need not load anything."""
    with _lock:
        LEFT[recommender.pk] = standing


def delete_with_recommender(instance: Recommender, **kwargs: Any) -> None:
    """Receiver of post_delete: once a recommender is gone, so is what was sent to serving."""
    prefix = instance.stream_key

    def delete() -> None:
        try:
            forget(connection(), prefix)
        except LogUnavailable as error:
            logger.warning("deltas of %s stay in Valkey: %s", prefix, error)

    transaction.on_commit(delete)


def epoch_of(recommender: Recommender) -> int:
    """The line of online learning that is served now."""
    deployment = Deployment.objects.filter(recommender=recommender, ended_at=None).first()
    return deployment.epoch if deployment else 0


def line_of(recommender: Recommender) -> int:
    """The line that a session goes on with: the one that is served, or while publishing is frozen
    the one aside."""
    frozen = PublishingFreeze.open_of(recommender)
    return frozen.line if frozen else epoch_of(recommender)


def sent_to_serving(recommenders: Sequence[Recommender]) -> dict[int, Position]:
    """How far online learning of what is live was sent to serving, by recommender pk, of those that
    are learned online: one query, and one round trip to Valkey. Raises LogUnavailable."""
    online = Q(recommender__policies__strategy=Strategy.ONLINE) | Q(
        recommender__checkpoint__isnull=False
    )
    theirs = among([recommender.pk for recommender in recommenders])
    live = Deployment.objects.filter(online, theirs, ended_at=None)
    epochs = dict(live.order_by().values_list("recommender", "epoch").distinct())
    learned = [recommender for recommender in recommenders if recommender.pk in epochs]
    if not learned:
        return {}
    found = positions(connection(), [recommender.stream_key for recommender in learned])
    return {
        recommender.pk: sent
        for recommender, sent in zip(learned, found, strict=True)
        if sent is not None and sent.epoch == epochs[recommender.pk]
    }


def stand(
    recommender: Recommender, components: Sequence[str], *, sent_by: int, keep: int
) -> Standing:
    """Where to go on from. Raises CorruptArtifact where not even the live version can be read, and
    CannotGoOn where its state is not one of the recommender's learner as it is now.

    sent_by : fence of the session whose deltas were the last; what this process holds counts only
    if that was its own. keep : samples to keep for the gate.
    """
    epoch, live = line_of(recommender), recommender.live_version
    with _lock:
        left = LEFT.pop(recommender.pk, None)
    fits = left is not None and _fits(left, epoch, live, sent_by, recommender)
    if fits and set(left.learning.candidate.learning) == set(components):
        left.learning.keep = keep
        return left
    candidate = _from_checkpoint(recommender, epoch, live) or _from_version(recommender, live)
    candidate.learning = components
    # Components that another update had learn farther are caught up with.
    candidate.learn(SampleLog(recommender), candidate.next_offset, progress=no_progress)
    candidate.learner.track()
    learning = OnlineLearning(candidate, keep)
    return Standing(epoch, live, learning, candidate.next_offset - 1, sent_by)


def _fits(
    left: Standing, epoch: int, live: ModelVersion | None, sent_by: int, recommender: Recommender
) -> bool:
    here = (left.epoch, left.base, left.fence) == (epoch, live, sent_by)
    return here and is_as_configured(left.learning.candidate.learner, recommender)


def is_as_configured(learner: Learner, recommender: Recommender) -> bool:
    """Whether the recommender, as it is now, would have this learner, options and schema."""
    fresh = recommender.new_learner()
    return (learner.name, learner.settings, learner.schema) == (
        fresh.name,
        fresh.settings,
        fresh.schema,
    )


def _from_checkpoint(
    recommender: Recommender, epoch: int, live: ModelVersion | None
) -> Candidate | None:
    checkpoint = Checkpoint.objects.filter(recommender=recommender, epoch=epoch, base=live).first()
    learner = recommender.new_learner()
    if checkpoint is None or checkpoint.learner != learner.name:
        return None
    if set(checkpoint.components) != set(learner.components):
        return None
    # Options that there were not when it was written had what is now their default.
    if learner.resolve(checkpoint.learner_options) != learner.settings:
        return None
    if checkpoint.schema != learner.schema.to_json():
        return None
    try:
        learner.load(artifacts().open(checkpoint.digest))
    except CorruptArtifact:
        # Costs time, loses nothing: the log has what it held.
        return None
    return Candidate(
        learner,
        parts={name: Part.from_json(part) for name, part in checkpoint.components.items()},
        base_digest=live.digest if live else None,
        ranges=checkpoint.learned_ranges,
        steps=checkpoint.steps,
        samples=checkpoint.samples,
    )


def _from_version(recommender: Recommender, live: ModelVersion | None) -> Candidate:
    learner = recommender.new_learner()
    if live is None:
        return Candidate(learner)
    if live.has_learned(Quarantine.standing_ranges(recommender)):
        raise CannotGoOn(
            f"Version {live.number}, which is live, has learned samples that are quarantined; have "
            "it rebuilt, or run a full update first."
        )
    folder = artifacts().open(live.digest)
    if live.learner != learner.name:
        raise CannotGoOn(_other_kind(live, f"learner {live.learner}", learner.name))
    try:
        learner.load(folder)
    except KeyError as error:
        raise CannotGoOn(_other_kind(live, "other options", str(error.args[0]))) from error
    return Candidate(
        learner,
        parts=live.parts(learner.components),
        base_digest=live.digest,
        ranges=list(live.learned_ranges),
    )


def _other_kind(live: ModelVersion, its: str, ours: str) -> str:
    return (
        f"Version {live.number}, which is live, is of {its}; online learning cannot go on from it "
        f"({ours}). Run a full update first."
    )
