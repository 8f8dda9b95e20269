"""A canary: a version answers a share of the traffic on trial before it is promoted.

What is live stays so meanwhile, and no update begins, so that neither version learns the samples
that judge them. ``canary_judge`` looks at these and ends it; a person may begin and end one too.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from updates.flows.canary_end import abandon
from updates.flows.canary_words import account, to_whom
from updates.flows.promote import BaseMoved, WouldGoBack, promote, promote_result
from updates.flows.trigger import WriterBusy
from updates.learners.base import TrainedElsewhere
from updates.models import Canary, ComponentLease, ModelVersion, Recommender, UpdateRun
from updates.models.canary import CanaryState
from updates.models.policy import Strategy
from updates.models.run import WRITING, RunState
from updates.models.version import VersionState
from updates.samples.log import SampleLog
from updates.store import artifacts
from updates.words import duration, sentence

TRIABLE = (VersionState.CANDIDATE, VersionState.REJECTED, VersionState.RETIRED)


class CannotTry(RuntimeError):
    """This version cannot serve on trial now, or is not on trial; says why."""


class ReasonMissing(ValueError):
    """A person has not said why."""

    field = "reason"

    def __init__(self) -> None:
        super().__init__("Say why: the next one to look will want to know.")


class StillWriting(RuntimeError):
    """An update holds what is to be promoted; it can be tried again when that has ended."""


def put_on_trial(run: UpdateRun, version: ModelVersion, live: ModelVersion, why: str) -> Canary:
    """The run's version has passed the gate and waits: in the caller's fenced transaction.

    Raises IllegalRunMove and LogUnavailable.
    """
    policy = run.policy
    canary = _begin(version, live, policy.canary_share, policy.canary_seconds, run=run)
    trial = f"On trial for {duration(canary.seconds)}, {to_whom(canary.share)}."
    run.move(RunState.CANARY, why=f"{trial} {why}", as_attempt=run.attempt, result_version=version)
    return canary


def try_by_hand(
    version: ModelVersion, *, share: float, seconds: int, reason: str, by: Any = None
) -> Canary:
    """Put any version that is not live on trial.

    share : of the users, 0 to 0.5. seconds : from now on. Raises ReasonMissing, TrainedElsewhere,
    CannotTry, OnTrial, WriterBusy, CorruptArtifact and LogUnavailable.
    """
    if not reason.strip():
        raise ReasonMissing
    if not version.recommender.learner_class.trained_here:
        raise TrainedElsewhere(version.learner, "a canary")
    if version.pruned_at is not None:
        raise CannotTry(f"The files of version {version.number} are no longer kept.")
    artifacts().open(version.digest)
    with transaction.atomic():
        # No run begins meanwhile that would not know.
        recommender = Recommender.objects.select_for_update().get(pk=version.recommender_id)
        version.refresh_from_db(fields=["state"])
        live = _ensure_triable(recommender, version)
        return _begin(version, live, share, seconds, reason=reason, begun_by=by)


def end_by_hand(version: ModelVersion, *, promote: bool, reason: str, by: Any = None) -> Canary:
    """End its trial before the time, with or without promotion.

    Raises ReasonMissing, CannotTry where it is not on trial, CorruptArtifact and StillWriting.
    """
    if not reason.strip():
        raise ReasonMissing
    running = Canary.objects.running().filter(version=version)
    canary = running.select_related("recommender", "version", "run").first()
    if canary is None:
        raise CannotTry(f"Version {version.number} is not on trial.")
    if promote:
        promote_canary(canary, f"Promoted before its canary ended: {sentence(reason)}", by=by)
    else:
        why = f"Its canary was ended without promotion: {sentence(reason)}"
        abandon(canary, CanaryState.CANCELLED, why, by=by)
    return canary


def promote_canary(canary: Canary, why: str, *, by: Any = None) -> None:
    """Its end: its version becomes live by the run that made it, or the person who put it on trial;
    as overtaken where that would go back behind what is live. Nothing where it has ended already.

    Raises StillWriting.
    """
    try:
        with transaction.atomic():
            canary.refresh_counts()
            verdict = f"{why} {account(canary)}"
            if canary.end(CanaryState.PROMOTED, verdict, by):
                _promote(canary, verdict, by)
    except (WouldGoBack, BaseMoved) as refusal:
        abandon(canary, CanaryState.OVERTAKEN, str(refusal), by=by)


def _promote(canary: Canary, why: str, by: Any) -> None:
    run = canary.run
    if run is None:
        promote(canary.version, reason=why, by=by or canary.begun_by)
        return
    fences = ComponentLease.acquire(run, run.components, timezone.now())
    if fences is None:
        raise StillWriting(f"Another update holds {', '.join(run.components)}.")
    promote_result(run, canary.version, fences, why)
    ComponentLease.release(run, fences)


def _begin(
    version: ModelVersion, live: ModelVersion, share: float, seconds: int, **fields: Any
) -> Canary:
    recommender = version.recommender
    last, now = SampleLog(recommender).head().last_offset, timezone.now()
    return Canary.objects.create(
        recommender=recommender,
        version=version,
        live=live,
        share=share,
        began_at=now,
        ends_at=now + timedelta(seconds=seconds),
        first_offset=last + 1,
        judged_through=last,
        **fields,
    )


def _ensure_triable(recommender: Recommender, version: ModelVersion) -> ModelVersion:
    """What is live, for it to be compared with."""
    live = recommender.live_version
    if version.state not in TRIABLE:
        raise CannotTry(f"Version {version.number} is {version.state}.")
    if live is None:
        raise CannotTry("Nothing is live that it could be compared with: promote it.")
    Canary.ensure_none(recommender)
    if run := recommender.runs.filter(state__in=WRITING).first():
        raise WriterBusy(run)
    if policy := recommender.policies.filter(strategy=Strategy.ONLINE, enabled=True).first():
        raise CannotTry(f"Policy {policy.name} learns online: it would overtake a canary.")
    return live
