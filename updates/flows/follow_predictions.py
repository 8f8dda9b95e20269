"""What is live, where a recommender's own servers serve it: what their predictions name."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from updates import signals
from updates.flows.deploy import deploy
from updates.models import Deployment, ModelVersion, Recommender
from updates.models.deployment import DeploymentKind
from updates.models.recommender import among
from updates.models.version import IllegalVersionMove
from updates.serving import predicted_by

logger = logging.getLogger(__name__)

# With a smaller share there is none that answers, but several: what was live stays.
MAJORITY = 0.5


class FollowsPredictions(RuntimeError):
    """Nobody moves what is live of this recommender but its own servers."""

    def __init__(self, recommender: Recommender) -> None:
        super().__init__(
            f"What is live of {recommender.slug} is what its predictions name: have its servers "
            "serve another version."
        )


def ensure_moved_here(recommender: Recommender) -> None:
    """Raises FollowsPredictions where only its own servers move what is live."""
    if recommender.follows_predictions:
        raise FollowsPredictions(recommender)


@dataclass(frozen=True)
class Named:
    """A version as the latest predictions name it; ``version`` None where none of that name was
    reported. share : of those predictions."""

    name: str
    share: float
    version: ModelVersion | None


def named(pks: Collection[int], now: datetime) -> dict[int, list[Named]]:
    """By recommender, of those that follow their predictions, what the latest of these name, the
    most named first; nothing where there are none lately. One query and one round trip, neither
    where there is nobody."""
    counted = {pk: found for pk, found in predicted_by.lately(pks, now).items() if found}
    if not counted:
        return {}
    names = {name for found in counted.values() for name in found}
    known: Mapping[tuple[int, str], ModelVersion] = {
        (version.recommender_id, version.name): version
        for version in ModelVersion.objects.filter(among(counted), name__in=names)
    }
    return {
        pk: [
            Named(name, count / found.total(), known.get((pk, name)))
            for name, count in found.most_common()
        ]
        for pk, found in counted.items()
    }


def named_lately(recommender: Recommender, now: datetime) -> list[Named]:
    """The same of one recommender; nothing where it does not follow them."""
    if not recommender.follows_predictions:
        return []
    return named([recommender.pk], now).get(recommender.pk, [])


def follow_predictions(now: datetime) -> list[Deployment]:
    """Have be live what more than half of the latest predictions name, where that was reported."""
    moved = []
    by_pk = {recommender.pk: recommender for recommender in _following()}
    for pk, found in named(by_pk, now).items():
        first = found[0]
        if first.version is None or first.share <= MAJORITY:
            continue
        if first.version.pk != by_pk[pk].live_version_id:
            try:
                moved.append(_deploy(first))
            except IllegalVersionMove as error:
                logger.warning("%s serves what may not be live: %s", by_pk[pk].slug, error)
    return moved


def _following() -> list[Recommender]:
    said = Recommender.objects.filter(schema__version__isnull=False)
    return [recommender for recommender in said if recommender.follows_predictions]


def _deploy(first: Named) -> Deployment:
    version = first.version
    went_back = version.deployments.exists()
    kind, signal = (
        (DeploymentKind.ROLLBACK, signals.rolled_back)
        if went_back
        else (DeploymentKind.PROMOTION, signals.promoted)
    )
    reason = f"{100 * first.share:.0f} % of the latest predictions are of it"
    with transaction.atomic():
        deployment = deploy(version, kind=kind, reason=reason)
        transaction.on_commit(lambda: signal.send(Deployment, deployment=deployment))
    return deployment
