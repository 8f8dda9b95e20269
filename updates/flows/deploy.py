"""Move the live pointer: the one place that does."""

from typing import Any

from django.db import transaction
from django.utils import timezone

from updates.flows.canary_end import overtake
from updates.models import Deployment, ModelVersion, PublishingFreeze, Recommender, UpdateRun
from updates.models.deployment import DeploymentKind
from updates.models.freeze import Thaw
from updates.models.policy import Strategy
from updates.models.version import VersionState

# Kinds of deployment that the live version itself may be the object of.
AS_IT_IS = (DeploymentKind.REWIND, DeploymentKind.FREEZE)


def deploy(
    version: ModelVersion, *, kind: str, reason: str, by: Any = None, run: UpdateRun | None = None
) -> Deployment:
    """Make the version live, the present one retired, and write it down: one transaction.

    A canary under way ends with it: it was compared with what was live.
    What an online session promotes goes on with the line of online learning that made it; anything
    else begins a new one. Rewinding may be to the live version itself, for the sake of that, and
    freezing always is. A freeze of publishing ends with any other deployment.
    Raises IllegalVersionMove where the version is live already or quarantined.
    """
    with transaction.atomic():
        recommender = Recommender.objects.select_for_update().get(pk=version.recommender_id)
        overtake(recommender, version, by=by)
        previous = recommender.live_version
        now = timezone.now()
        open_deployment = Deployment.objects.filter(recommender=recommender, ended_at=None)
        epoch = open_deployment.values_list("epoch", flat=True).first() or 0
        open_deployment.update(ended_at=now)
        if previous is not None and previous.pk != version.pk:
            previous.move(VersionState.RETIRED, f"followed by version {version.number}")
        if kind not in AS_IT_IS or previous is None or previous.pk != version.pk:
            version.move(VersionState.LIVE, reason)
        if kind != DeploymentKind.FREEZE and (frozen := PublishingFreeze.open_of(recommender)):
            frozen.end(Thaw.SUPERSEDED, f"version {version.number} was made live: {reason}", by=by)
        Recommender.objects.filter(pk=recommender.pk).update(live_version=version)
        deployment = Deployment.objects.create(
            recommender=recommender,
            version=version,
            previous=previous,
            kind=kind,
            reason=reason,
            moved_by=by,
            run=run,
            epoch=epoch,
            started_at=now,
        )
        goes_on = run is not None and run.strategy == Strategy.ONLINE
        if not epoch or not goes_on or kind == DeploymentKind.FREEZE:
            deployment.epoch = deployment.pk
            deployment.save(update_fields=["epoch"])
        return deployment
