"""Scores in a web process: the live version in memory, swapped while requests go on.

A request works on one ``Served`` value from beginning to end, so that no answer mixes two
versions. A watcher thread looks for new deployments several times a second, loads the new version
beside the old one, and replaces the reference. What cannot be loaded is reported, and the version
in memory goes on serving.

A version on trial lies beside the live one and answers its share of the users: see ``canaries``.

Where the version is learned on online, its weights go on in between: see ``follow``. A version
that online learning has come to is then but a new number for weights that are there already.
"""

import logging
import os
import socket
import threading
import time
from collections import defaultdict
from collections.abc import Collection
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
from django.db import DatabaseError, close_old_connections, connection
from django.db.models import Sum
from django.utils import timezone

from updates.artifacts import CorruptArtifact
from updates.learners.base import Learner, Recommended, TrainedElsewhere
from updates.learners.registry import UnknownLearner
from updates.models import Deployment, ModelVersion, Recommender, ServingReport
from updates.samples.batches import conform
from updates.samples.parse import feature_batch
from updates.serving import follow, user_vectors
from updates.serving.canaries import Canaries
from updates.serving.counts import ServedCounts
from updates.serving.following import Following
from updates.serving.loader import checkpoint_weights, load, same_kind, version_weights
from updates.serving.served import RecommendedItems, Scored, Served
from updates.serving.staleness import Staleness
from updates.serving.user_vectors import Source, device_states, in_force, users_in, users_of
from updates.serving.weights import Learned, Weights

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.2
FLUSH_SECONDS = 1.0
PROGRESS_SECONDS = 1.0
REPORT_SECONDS = 10.0
# How many earlier deployments a starting process tries when the live version cannot be loaded.
FALLBACKS = 5
PROCESS = f"{socket.gethostname()}:{os.getpid()}"


class NoLiveVersion(LookupError):
    """The recommender has no version that can be served."""


class Scorer:
    """The models that one process serves."""

    def __init__(self) -> None:
        self._served: dict[int, Served] = {}
        self.following: defaultdict[int, Following] = defaultdict(Following)
        self.counts = ServedCounts()
        self.canaries = Canaries()
        self._staleness = Staleness()
        self._loading = threading.Lock()
        self._generation: int | None = None

    def score(self, recommender: Recommender, rows: list[Any]) -> Scored:
        """Probabilities for the rows, in order. Raises NoLiveVersion and ParseError."""
        served = self.canaries.for_rows(self.serves(recommender), rows)
        learner = served.weights.learner
        batch = feature_batch(learner.schema, rows)
        scores, learned = self._predict(recommender, served, batch)
        stale = self._staleness.is_stale(recommender, learned, timezone.now())
        self.counts.add(served, len(rows), users_of(learner, batch), stale=stale)
        return Scored(scores.tolist(), *_about(served, learned), stale)

    def predict(self, recommender: Recommender, batch: pa.RecordBatch) -> np.ndarray:
        """(n,) probabilities as ``score`` gives them, of rows in Arrow that nobody asked for: they
        do not count as requests. Raises NoLiveVersion."""
        scores, _ = self._predict(recommender, self.serves(recommender), batch)
        return scores

    def _predict(
        self, recommender: Recommender, served: Served, batch: pa.RecordBatch
    ) -> tuple[np.ndarray, Learned]:
        weights = served.weights
        states = device_states(recommender, served, users_in(weights.learner, batch))
        return weights.read(lambda learner: user_vectors.predict(weights, learner, batch, states))

    def recommend(
        self,
        recommender: Recommender,
        user: str,
        k: int,
        seen: Collection[str],
        *,
        repeats: bool = False,
    ) -> RecommendedItems:
        """At most k items for a user. Raises NoLiveVersion and RecommendUnsupported."""
        served = self.canaries.for_user(self.serves(recommender), user)
        state = device_states(recommender, served, [user]).get(user)

        def ask(learner: Learner) -> tuple[Recommended, Source]:
            if state is None:
                return learner.recommend(user, k, seen, repeats=repeats), "server"
            vector = in_force(served.weights, learner, user, state)
            left_out = seen if repeats else [*seen, *vector.items]
            found = learner.recommend(user, k, left_out, at=vector.user, repeats=repeats)
            return found, vector.source

        (found, source), learned = served.weights.read(ask)
        stale = self._staleness.is_stale(recommender, learned, timezone.now())
        self.counts.add(served, len(found.items), [user], stale=stale)
        scores, about = found.scores.tolist(), _about(served, learned)
        return RecommendedItems(scores, *about, stale, found.items, source)

    def serves(self, recommender: Recommender) -> Served:
        """What is served of one recommender. Raises NoLiveVersion and TrainedElsewhere."""
        if not recommender.trained_here:
            raise TrainedElsewhere(recommender.learner, "scoring")
        return self._served.get(recommender.pk) or self._first_load(recommender)

    def served(self) -> list[Served]:
        """What is served now."""
        return list(self._served.values())

    def replace_weights(self, served: Served, weights: Weights) -> Served | None:
        """Serve these from now on; None where something else is served by now."""
        with self._loading:
            present = self._served[served.recommender_id]
            if present.weights is not served.weights or present.epoch != served.epoch:
                return None
            changed = replace(present, weights=weights)
            self._served[served.recommender_id] = changed
            return changed

    def look(self) -> None:
        """Load what was deployed or put on trial since the last look, and let go of trials that
        have ended; two cheap queries when nothing has happened."""
        self._look_for_deployments()
        # After these: a version that was promoted has its users answered all the while.
        self.canaries.look(self._served)

    def _look_for_deployments(self) -> None:
        # Grows with each deployment, in whatever order transactions that run at once commit.
        generation = Deployment.objects.filter(ended_at=None).aggregate(sum=Sum("pk"))["sum"]
        if generation == self._generation:
            return
        for recommender in Recommender.objects.filter(pk__in=list(self._served)):
            self._refresh(recommender)
        self._generation = generation

    def report(self) -> None:
        """Say again what is served, so that a silent process is seen; retry what was refused."""
        for recommender in Recommender.objects.filter(pk__in=list(self._served)):
            self._refresh(recommender)
        self.canaries.look(self._served, again=True)

    def report_progress(self) -> None:
        """Say how far online learning is followed, where that has changed; announce the lags."""
        for served in self.served():
            self.following[served.recommender_id].tell(served, PROCESS)

    def _first_load(self, recommender: Recommender) -> Served:
        self._refresh(recommender)
        try:
            return self._served[recommender.pk]
        except KeyError:
            raise NoLiveVersion(f"{recommender.slug} has no version that can be served.") from None

    def _refresh(self, recommender: Recommender) -> None:
        with self._loading:
            self._load_newest(recommender)

    def _load_newest(self, recommender: Recommender) -> None:
        history = (
            Deployment.objects.filter(recommender=recommender)
            .select_related("version")
            .order_by("-started_at", "-pk")
        )
        deployments = list(history[: FALLBACKS + 1])
        if not deployments:
            return
        wanted, following = deployments[0], self.following[recommender.pk]
        present, following.refusal = self._newest(recommender, deployments)
        if present is not None:
            self._served[recommender.pk] = present
        ServingReport.objects.update_or_create(
            recommender=recommender,
            process=PROCESS,
            defaults={
                "wanted_id": wanted.version_id,
                "served_id": present.version_id if present else None,
                "reported_at": timezone.now(),
                **following.facts(present),
            },
        )

    def _newest(
        self, recommender: Recommender, deployments: list[Deployment]
    ) -> tuple[Served | None, str]:
        """The newest that can be served, and why that is not what is wanted; None if nothing is."""
        present, refused = self._served.get(recommender.pk), ""
        line = deployments[0].epoch
        for deployment in deployments:
            # What was learned online before a line began is not served after it.
            epoch = line if deployment.epoch == line else 0
            try:
                served = _go_on(present, deployment, epoch)
                return served or self._begin(recommender, deployment, epoch), refused
            except (CorruptArtifact, UnknownLearner) as refusal:
                refused = refused or f"Version {deployment.version.number} is refused: {refusal}."
                logger.error("%s of %s", refused, recommender.slug)
            if present is not None:
                return present if present.epoch == line else replace(present, epoch=0), refused
        return None, refused

    def _begin(self, recommender: Recommender, deployment: Deployment, epoch: int) -> Served:
        """With the version, or with what was kept of online learning since."""
        version, following = deployment.version, self.following[recommender.pk]
        weights = trouble = None
        if epoch:
            try:
                weights = checkpoint_weights(recommender.pk, epoch, beyond=version.next_offset)
            except (CorruptArtifact, UnknownLearner) as refusal:
                trouble = f"The checkpoint of online learning is refused: {refusal}."
                logger.error("%s: %s", recommender.slug, trouble)
        weights = weights or version_weights(version)
        served = Served(
            recommender_id=recommender.pk,
            stream_key=recommender.stream_key,
            version_id=version.pk,
            number=version.number,
            deployment_id=deployment.pk,
            epoch=epoch,
            weights=weights,
        )
        following.begin(trouble or "", follows=served.follows)
        return served


def _go_on(present: Served | None, deployment: Deployment, epoch: int) -> Served | None:
    """The weights in memory under that deployment, where they are its own or went on from there."""
    if present is None or present.epoch != epoch:
        return None
    version = deployment.version
    if present.version_id != version.pk:
        learned = present.weights.offset >= version.next_offset - 1
        if not (epoch and learned and same_kind(present.weights, version)):
            return None
    return replace(
        present, deployment_id=deployment.pk, version_id=version.pk, number=version.number
    )


def _about(
    served: Served, learned: Learned
) -> tuple[int, int, float | None, dict[str, float | None]]:
    """Version, offset and age, and the ages of components where there are several."""
    now, components = timezone.now(), served.weights.learner.components
    ages = learned.component_ages(components, now) if len(components) > 1 else {}
    return served.number, learned.offset, learned.age_seconds(now), ages


def watch(scorer: Scorer) -> None:
    """Keep a scorer up to date, for as long as the process lives."""
    every = {
        scorer.counts.flush: FLUSH_SECONDS,
        scorer.report_progress: PROGRESS_SECONDS,
        scorer.report: REPORT_SECONDS,
    }
    due = {job: time.monotonic() + seconds for job, seconds in every.items()}
    while True:
        time.sleep(POLL_SECONDS)
        try:
            close_old_connections()
            scorer.look()
            for job in [job for job, at in due.items() if time.monotonic() >= at]:
                due[job] = time.monotonic() + every[job]
                job()
        except DatabaseError:
            logger.exception("looking for new deployments")
            connection.close()


@cache
def process_scorer() -> Scorer:
    """This process's scorer: one thread looks for deployments, one follows online learning."""
    scorer = Scorer()
    for work in (watch, follow.follow):
        threading.Thread(target=work, args=[scorer], name=work.__name__, daemon=True).start()
    return scorer


def score(recommender: Recommender, rows: list[Any]) -> Scored:
    """Score with this process's scorer."""
    return process_scorer().score(recommender, rows)


def predict(version: ModelVersion, batch: pa.RecordBatch | pa.Table) -> np.ndarray:
    """(n,) predictions of any version, for judging; a few models are kept in memory.

    Fields that the version knows and the samples no longer have are missing values to it.
    """
    learner = _learner(version.digest, version.pk)
    parts = batch.to_batches() if isinstance(batch, pa.Table) else [batch]
    known = (conform(part, learner.schema.arrow) for part in parts)
    return np.concatenate([np.empty(0), *map(learner.predict, known)])


@lru_cache(maxsize=8)
def _learner(digest: str, version_id: int) -> Learner:
    return load(ModelVersion.objects.get(pk=version_id), serving=True)


def served(recommender: Recommender) -> Served:
    """What this process serves of a recommender. Raises NoLiveVersion."""
    return process_scorer().serves(recommender)


def recommend(
    recommender: Recommender, user: str, k: int, seen: Collection[str], *, repeats: bool = False
) -> RecommendedItems:
    """Recommend with this process's scorer."""
    return process_scorer().recommend(recommender, user, k, seen, repeats=repeats)
