"""Canaries that come to nothing: all traffic goes back to the live version."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from updates.flows.canary_words import account
from updates.models import Canary, ModelVersion, Recommender
from updates.models.canary import CanaryState
from updates.models.run import RunState
from updates.models.version import VersionState
from updates.words import sentence


def abandon(canary: Canary, state: CanaryState, why: str, *, by: Any = None) -> bool:
    """End it without promotion: its version stays what it was, a candidate becomes rejected, and
    so does the run that waits for it. False where it has ended already."""
    with transaction.atomic():
        canary.refresh_counts()
        if not canary.end(state, f"{sentence(why)} {account(canary)}", by):
            return False
        version, run = canary.version, canary.run
        if version.state == VersionState.CANDIDATE:
            version.move(VersionState.REJECTED, why)
        if run is not None and run.state == RunState.CANARY:
            cancelled = state == CanaryState.CANCELLED
            run.move(RunState.CANCELLED if cancelled else RunState.REJECTED, why=why, by=by)
    return True


def abandon_all(recommender: Recommender, why: str, *, by: Any = None) -> None:
    """Cancel the one that runs, if one does."""
    for canary in _running(recommender):
        abandon(canary, CanaryState.CANCELLED, why, by=by)


def overtake(recommender: Recommender, version: ModelVersion, *, by: Any = None) -> None:
    """A version is being made live by another way than the canary's end, in the caller's
    transaction. Where it is the very version on trial, it has come to its end early."""
    for canary in _running(recommender):
        if canary.version_id == version.pk:
            _promoted_early(canary, by)
        else:
            why = (
                f"Version {version.number} was made live while version "
                f"{canary.version.number} was on trial."
            )
            abandon(canary, CanaryState.OVERTAKEN, why, by=by)


def _promoted_early(canary: Canary, by: Any) -> None:
    why = "It was made live by hand before its canary ended."
    canary.refresh_counts()
    ended = canary.end(CanaryState.PROMOTED, f"{why} {account(canary)}", by)
    if ended and canary.run is not None:
        canary.run.move(RunState.PROMOTED, why=why, by=by)


def _running(recommender: Recommender) -> list[Canary]:
    found = Canary.objects.running().filter(recommender=recommender)
    return list(found.select_related("version", "run"))
