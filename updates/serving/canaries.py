"""Versions on trial in a web process: which users they answer, and when they are there.

A user stays with one version for as long as the canary runs, in every process: a hash decides. A
request that names no user is drawn by lot. What cannot be loaded answers nobody, and is tried again
with the next report; the worker that judges it says so.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from updates.artifacts import CorruptArtifact
from updates.learners.registry import UnknownLearner
from updates.models import Canary
from updates.serving.loader import version_weights
from updates.serving.served import Served

logger = logging.getLogger(__name__)

HASH_BYTES = 8


@dataclass(frozen=True)
class Trial:
    """A version on trial, and the share of the users that it answers."""

    served: Served
    share: float

    def answers(self, user: str | None) -> bool:
        """Whether this user's requests are among its share; None: one that names no user."""
        return (random.random() if user is None else place(self.served, user)) < self.share  # noqa: S311 - a lot, no secret


def place(served: Served, user: str) -> float:
    """Where a user stands in one canary, evenly in [0, 1): the same everywhere and always, and
    independent of the place in any other."""
    named = f"{served.recommender_id}:{served.canary_id}:{user}"
    digest = blake2b(named.encode(), digest_size=HASH_BYTES).digest()
    return int.from_bytes(digest) / 2 ** (8 * HASH_BYTES)


class Canaries:
    """Those that one process serves; one thread looks, any number choose."""

    def __init__(self) -> None:
        self._trials: dict[int, Trial] = {}
        self._seen: frozenset[int] = frozenset()

    def for_user(self, live: Served, user: str | None) -> Served:
        """What answers a request of that user: the version on trial, or the live one."""
        trial = self._trials.get(live.recommender_id)
        return trial.served if trial and trial.answers(user) else live

    def for_rows(self, live: Served, rows: Sequence[Any]) -> Served:
        """The same of rows as they were sent: their first one says for whom they all are."""
        if live.recommender_id not in self._trials:
            return live
        return self.for_user(live, _first_user(live, rows))

    def look(self, recommenders: Collection[int], *, again: bool = False) -> None:
        """Load what has been put on trial and let go of what has ended; one cheap query when
        nothing has.

        recommenders : pks of those that the process serves. again : try what was refused too.
        """
        running = set(Canary.objects.running().filter(share__gt=0).values_list("pk", "recommender"))
        wanted = {pk: canary for canary, pk in running if pk in recommenders}
        present = frozenset(wanted.values())
        if present == self._seen and not again:
            return
        kept = {
            pk: trial
            for pk, trial in self._trials.items()
            if trial.served.canary_id == wanted.get(pk)
        }
        self._trials = kept
        self._trials = kept | _loaded(set(wanted) - set(kept))
        self._seen = present


def _first_user(live: Served, rows: Sequence[Any]) -> str | None:
    field, first = live.weights.learner.schema.user, rows[0] if rows else None
    user = first.get(field) if isinstance(first, Mapping) else None
    return None if user is None else str(user)


def _loaded(recommenders: Iterable[int]) -> dict[int, Trial]:
    found = Canary.objects.running().filter(recommender__in=recommenders, share__gt=0)
    trials = {}
    for canary in found.select_related("version", "recommender"):
        try:
            trials[canary.recommender_id] = Trial(_serving(canary), canary.share)
        except (CorruptArtifact, UnknownLearner) as refusal:
            logger.error("%s answers nobody: %s", canary, refusal)
    return trials


def _serving(canary: Canary) -> Served:
    version = canary.version
    return Served(
        recommender_id=canary.recommender_id,
        stream_key=canary.recommender.stream_key,
        version_id=version.pk,
        number=version.number,
        deployment_id=None,
        epoch=0,
        weights=version_weights(version),
        canary_id=canary.pk,
    )
