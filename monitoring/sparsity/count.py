"""Counts births and deaths of features, a deployment at a time, away from learning and serving.

Two whole models are read for each deployment, so that exactness costs no more as the log grows.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

import numpy as np
from django.db import transaction
from django.db.models import F, Max, Q, Sum

from monitoring import metrics, series
from monitoring.series import GRID_SECONDS
from monitoring.sparsity.models import DeadFeatures, FeatureTurnover
from monitoring.sparsity.turnover import Turnover, compare, heaviest, remembered
from updates.artifacts import CorruptArtifact
from updates.learners import registry
from updates.learners.base import Learner
from updates.models import Deployment, ModelVersion, Recommender
from updates.serving.loader import load

logger = logging.getLogger(__name__)

EXAMPLES = 10
# So many deployments are counted at a time, and before the first, no earlier ones.
MOST_AT_ONCE = 10
KEY = np.dtype("<u8")


def count_all() -> None:
    """Count what was deployed since; one model that cannot be read hides no other."""
    newest = Recommender.objects.annotate(newest=Max("deployments"))
    behind = Q(dead_features=None) | Q(dead_features__counted_to__lt=F("newest"))
    for recommender in newest.filter(behind, newest__isnull=False):
        try:
            count(recommender)
        except Exception:
            logger.exception("births and deaths of features of %s", recommender.slug)


def count(recommender: Recommender) -> None:
    """Count the next deployments, oldest first."""
    deployments = recommender.deployments.select_related("version", "previous").order_by("pk")
    known = DeadFeatures.objects.filter(pk=recommender.pk).first()
    if known is None:
        recent = list(deployments.values_list("pk", flat=True).reverse()[:MOST_AT_ONCE])
        known, _ = DeadFeatures.objects.get_or_create(
            recommender=recommender, defaults={"counted_to": recent[-1] - 1}
        )
    for deployment in deployments.filter(pk__gt=known.counted_to)[:MOST_AT_ONCE]:
        dead = np.frombuffer(known.keys, KEY)
        moved = _moved(deployment, dead)
        if not _keep(known, deployment, dead, moved):
            return  # another one was faster


def _keep(
    known: DeadFeatures,
    deployment: Deployment,
    dead: np.ndarray,
    moved: tuple[Turnover, dict[str, Any]] | None,
) -> bool:
    """Write it down once, whoever else counts; false where another did."""
    if moved is not None:
        dead = remembered(dead, moved[0])
    now = {"counted_to": deployment.pk, "keys": dead.astype(KEY).tobytes()}
    at = DeadFeatures.objects.filter(pk=known.pk, counted_to=known.counted_to)
    with transaction.atomic():
        if not at.update(**now):
            return False
        if moved is not None:
            FeatureTurnover.objects.create(deployment=deployment, **moved[1])
            _record(deployment)
    known.counted_to, known.keys = now["counted_to"], now["keys"]
    return True


def _record(deployment: Deployment) -> None:
    """Into its cell of the series, with what else was deployed within that."""
    cell = deployment.started_at.timestamp() // GRID_SECONDS * GRID_SECONDS
    start, end = (datetime.fromtimestamp(cell + s, UTC) for s in (0, GRID_SECONDS))
    within = FeatureTurnover.objects.filter(
        deployment__recommender=deployment.recommender_id,
        deployment__started_at__gte=start,
        deployment__started_at__lt=end,
    )
    values = within.aggregate(
        **{
            metrics.FEATURES_BORN: Sum("born"),
            metrics.FEATURES_DIED: Sum("died"),
            metrics.FEATURES_REBORN: Sum("reborn"),
        }
    )
    series.record(deployment.recommender, values, deployment.started_at)


def _moved(deployment: Deployment, dead: np.ndarray) -> tuple[Turnover, dict[str, Any]] | None:
    """What came and went, as keys and as it is kept; None where that cannot be told: nothing was
    live before, files are gone, or the learner's parameters are of no features."""
    before, version = deployment.previous, deployment.version
    if before is None or before.pk == version.pk:
        return None
    models = [_model(before), _model(version)]
    if None in models:
        return None
    old, new = (_Living(model) for model in models)
    moved = compare(old.keys, new.keys, dead)
    return moved, {
        "born": len(moved.born),
        "died": len(moved.died),
        "reborn": len(moved.reborn),
        "born_examples": new.heaviest(moved.born),
        "died_examples": old.heaviest(moved.died),
        "reborn_examples": new.heaviest(moved.reborn),
    }


def _model(version: ModelVersion) -> Learner | None:
    """Its whole state; None where there is none to be compared."""
    if version.pruned_at is not None or version.learner not in registry.names():
        return None
    if not registry.get(version.learner).tells_features:
        return None
    try:
        return load(version, serving=False)
    except CorruptArtifact as error:
        logger.warning("%s is not compared: %s", version, error)
        return None


class _Living:
    """The features that live in a model."""

    def __init__(self, learner: Learner) -> None:
        self._learner = learner
        self.keys, self._weights = learner.live_features()

    def heaviest(self, chosen: np.ndarray) -> list[dict[str, Any]]:
        """Those of the chosen that weigh most, by name."""
        places = heaviest(self.keys, self._weights, chosen, EXAMPLES)
        names = self._learner.names_of(self.keys[places])
        return [
            {"field": field, "value": value, "weight": float(weight)}
            for (field, value), weight in zip(names, self._weights[places], strict=True)
        ]
