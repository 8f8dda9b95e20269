"""Scores in a web process: the live version in memory, swapped while requests go on.

A request works on one ``Served`` value from beginning to end, so that no answer mixes two
versions. A watcher thread looks for new deployments several times a second, loads the new version
beside the old one, and replaces the reference. What cannot be loaded is reported, and the version
in memory goes on serving.
"""

import logging
import os
import socket
import threading
import time
from collections import Counter
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
from django.db import DatabaseError, close_old_connections, connection
from django.db.models import F, Sum
from django.utils import timezone

from updates.artifacts import CorruptArtifact
from updates.learners.base import Learner
from updates.learners.registry import UnknownLearner
from updates.models import Deployment, ModelVersion, Recommender, ServingReport
from updates.samples.parse import feature_batch
from updates.serving.loader import load
from updates.serving.served import Scored, Served

logger = logging.getLogger(__name__)

POLL_SECONDS = 0.2
FLUSH_SECONDS = 1.0
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
        self._counts: Counter[tuple[int, str]] = Counter()
        self._lock = threading.Lock()
        self._loading = threading.Lock()
        self._generation: int | None = None

    def score(self, recommender: Recommender, rows: list[Any]) -> Scored:
        """Probabilities for the rows, in order. Raises NoLiveVersion and ParseError."""
        served = self._served.get(recommender.pk) or self._first_load(recommender)
        batch = feature_batch(served.learner.schema, rows)
        scores = served.learner.predict(batch)
        with self._lock:
            self._counts[served.deployment_id, "scored_requests"] += 1
            self._counts[served.deployment_id, "scored_rows"] += len(rows)
        age = None
        if served.watermark is not None:
            age = (timezone.now() - served.watermark).total_seconds()
        return Scored(scores.tolist(), served.number, served.next_offset - 1, age)

    def look(self) -> None:
        """Load what was deployed since the last look; one cheap query when nothing was."""
        # Grows with each deployment, in whatever order transactions that run at once commit.
        generation = Deployment.objects.filter(ended_at=None).aggregate(sum=Sum("pk"))["sum"]
        if generation == self._generation:
            return
        for recommender in Recommender.objects.filter(pk__in=list(self._served)):
            self._refresh(recommender)
        self._generation = generation

    def flush(self) -> None:
        """Add the counted requests and rows to their deployments."""
        with self._lock:
            counts, self._counts = self._counts, Counter()
        for (deployment_id, field), count in counts.items():
            Deployment.objects.filter(pk=deployment_id).update(**{field: F(field) + count})

    def report(self) -> None:
        """Say again what is served, so that a silent process is seen; retry what was refused."""
        for recommender in Recommender.objects.filter(pk__in=list(self._served)):
            self._refresh(recommender)

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
        present = self._served.get(recommender.pk)
        error = ""
        wanted = None
        for deployment in history[: FALLBACKS + 1]:
            wanted = wanted or deployment
            if present is not None and present.version_id == deployment.version_id:
                present = replace(present, deployment_id=deployment.pk)
                break
            try:
                present = _serve(deployment)
                break
            except (CorruptArtifact, UnknownLearner) as refusal:
                error = error or f"Version {deployment.version.number} is refused: {refusal}."
                logger.error("%s of %s", error, recommender.slug)
                if present is not None:
                    break
        if wanted is None:
            return
        if present is not None:
            self._served[recommender.pk] = present
        ServingReport.objects.update_or_create(
            recommender=recommender,
            process=PROCESS,
            defaults={
                "wanted_id": wanted.version_id,
                "served_id": present.version_id if present else None,
                "error": error,
                "reported_at": timezone.now(),
            },
        )


def _serve(deployment: Deployment) -> Served:
    version = deployment.version
    return Served(
        recommender_id=version.recommender_id,
        version_id=version.pk,
        number=version.number,
        deployment_id=deployment.pk,
        next_offset=version.next_offset,
        watermark=version.watermark,
        learner=load(version, serving=True),
    )


def watch(scorer: Scorer) -> None:
    """Keep a scorer up to date, for as long as the process lives."""
    every = {scorer.flush: FLUSH_SECONDS, scorer.report: REPORT_SECONDS}
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
    """This process's scorer, watched by a thread of its own."""
    scorer = Scorer()
    threading.Thread(target=watch, args=[scorer], name="scorer", daemon=True).start()
    return scorer


def score(recommender: Recommender, rows: list[Any]) -> Scored:
    """Score with this process's scorer."""
    return process_scorer().score(recommender, rows)


def predict(version: ModelVersion, batch: pa.RecordBatch | pa.Table) -> np.ndarray:
    """(n,) predictions of any version, for judging; a few models are kept in memory."""
    return _learner(version.digest, version.pk).predict(batch)


@lru_cache(maxsize=8)
def _learner(digest: str, version_id: int) -> Learner:
    return load(ModelVersion.objects.get(pk=version_id), serving=True)
