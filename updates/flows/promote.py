"""Make a version live: by its run through the gate, or by a person's word."""

from typing import Any

from django.db import transaction

from updates import signals
from updates.flows.deploy import deploy
from updates.flows.follow_predictions import ensure_moved_here
from updates.models import Canary, ComponentLease, Deployment, ModelVersion, UpdateRun
from updates.models.deployment import DeploymentKind
from updates.models.run import RunState
from updates.store import artifacts


class WouldGoBack(RuntimeError):
    """The live version knows more than the candidate does: promoting it would make it older."""


class BaseMoved(RuntimeError):
    """The live version is no longer the one that the candidate was built on."""


def promote(version: ModelVersion, *, reason: str, by: Any = None) -> Deployment:
    """By a person: any version but a quarantined one. Its bytes are checked first.

    Raises IllegalVersionMove, CorruptArtifact and FollowsPredictions, with nothing changed.
    """
    ensure_moved_here(version.recommender)
    artifacts().open(version.digest)
    with transaction.atomic():
        deployment = deploy(version, kind=DeploymentKind.PROMOTION, reason=reason, by=by)
        _announce(deployment)
    return deployment


def promote_result(
    run: UpdateRun, version: ModelVersion, fences: dict[str, int], reason: str
) -> Deployment:
    """By the run that made it, inside its transaction.

    Raises as ``ensure_promotable`` does, and IllegalRunMove; the caller's transaction then undoes
    everything.
    """
    ensure_promotable(run, version, fences)
    deployment = deploy(version, kind=DeploymentKind.PROMOTION, reason=reason, run=run)
    run.move(RunState.PROMOTED, why=reason, as_attempt=run.attempt, result_version=version)
    _announce(deployment)
    return deployment


def ensure_promotable(
    run: UpdateRun, version: ModelVersion, fences: dict[str, int]
) -> ModelVersion | None:
    """Fenced, never older, on its own base, and nothing else on trial; returns what is live.

    Raises LeaseLost, OnTrial, WouldGoBack and BaseMoved.
    """
    ComponentLease.verify(run, fences)
    Canary.ensure_none(run.recommender)
    run.recommender.refresh_from_db(fields=["live_version"])
    live = run.recommender.live_version
    if live is not None:
        _ensure_no_older(version, live)
    if run.base_version is not None and version.parent != live:
        raise BaseMoved(
            f"It was built on version {version.parent.number}, but "
            f"{f'version {live.number}' if live else 'nothing'} is live now."
        )
    return live


def _ensure_no_older(version: ModelVersion, live: ModelVersion) -> None:
    for name in version.components:
        theirs, ours = live.component(name)["next_offset"], version.component(name)["next_offset"]
        if theirs > ours:
            raise WouldGoBack(
                f"The live version {live.number} has learned {name} up to offset {theirs - 1}, "
                f"the candidate up to {ours - 1}."
            )


def _announce(deployment: Deployment) -> None:
    transaction.on_commit(lambda: signals.promoted.send(Deployment, deployment=deployment))
