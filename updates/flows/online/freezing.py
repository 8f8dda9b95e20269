"""Freeze what an online session publishes, and thaw it.

Freezing begins a new line of online learning at the base version: all processes go back to what
that serves, as with a roll-back, by the one transaction that they look for anyway. The session goes
on with the former line, aside. Why the base version and not weights of a minute ago: it has passed
the gate, its bytes are kept and checked, and it has learned none of what is under suspicion.

The running model of that instant is kept as a rejected version, so that people can read what it
had learned; frozen sessions make none.

Thawing gives its checkpoint to the line that is served: who scores goes on from there.
"""

from __future__ import annotations

from typing import Any

from django.db import transaction

from updates import signals
from updates.flows.deploy import deploy
from updates.flows.evaluate import evaluate_judged
from updates.flows.online.guard import Guard
from updates.flows.online.position import Standing, epoch_of
from updates.flows.publish import write
from updates.models import (
    Checkpoint,
    ComponentLease,
    Deployment,
    ModelVersion,
    PublishingFreeze,
    Recommender,
    UpdateRun,
)
from updates.models.deployment import DeploymentKind
from updates.models.freeze import NotFrozen, Thaw
from updates.models.version import VersionState
from updates.strategies.online import OnlineLearning


class ThawError(ValueError):
    """Publishing cannot be thawed so; names the field that is wrong."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field


def freeze(
    run: UpdateRun, fences: dict[str, int], guard: Guard, standing: Standing
) -> PublishingFreeze:
    """Serve the base version from now on, without what was learned since.

    standing : of the session; its line goes on aside. Raises LeaseLost, with nothing changed.
    """
    reason = " ".join(guard.why)
    about = _kept(run, guard, standing.learning, reason)
    with transaction.atomic():
        ComponentLease.verify(run, fences)
        version = ModelVersion.publish(run.recommender, **about) if about else None
        if version is not None:
            version.move(VersionState.REJECTED, reason)
        made = PublishingFreeze.objects.create(
            recommender=run.recommender,
            run=run,
            base=guard.base,
            version=version,
            line=standing.epoch,
            good_offset=guard.good_through,
            offset=standing.learned,
            reason=reason,
            looks=guard.looks_json(),
        )
        deploy(guard.base, kind=DeploymentKind.FREEZE, reason=reason, run=run)
        transaction.on_commit(lambda: signals.publishing_frozen.send(PublishingFreeze, freeze=made))
    return made


def _kept(
    run: UpdateRun, guard: Guard, learning: OnlineLearning, reason: str
) -> dict[str, Any] | None:
    """The running model's files, and what its version says of it; None of weights that are not
    finite, of which nothing can be told."""
    candidate, judged = learning.candidate, learning.judged()
    if judged is None or not candidate.learner.is_finite():
        return None
    evaluation = evaluate_judged(guard.base, candidate, judged, guard.policy)
    metrics = evaluation.to_json() | {"verdict": reason}
    return write(run, candidate, guard.base) | {"parent": guard.base, "metrics": metrics}


def thaw(recommender: Recommender, *, reason: str, by: Any = None) -> PublishingFreeze:
    """By a person: what is learned online is served again, and no guardrail freezes it before
    another version is live. Raises NotFrozen and ThawError."""
    if not reason.strip():
        raise ThawError("reason", "Say why: the next one to look will want to know.")
    frozen = PublishingFreeze.open_of(recommender)
    if frozen is None:
        raise NotFrozen("Publishing is not frozen.")
    _end(frozen, Thaw.OVERRULED, reason, by)
    return frozen


def thaw_by_itself(frozen: PublishingFreeze, guard: Guard) -> None:
    """As the guardrails hold again. Raises NotFrozen where it was thawed already."""
    reason = f"The guardrails have held for {guard.held_looks} looks in a row."
    _end(frozen, Thaw.HELD, reason, None)


def line_after(frozen: PublishingFreeze) -> int | None:
    """The line of online learning that what was learned aside goes on with once it is thawed; None
    where another version was made live."""
    frozen.refresh_from_db()
    if frozen.ended == Thaw.SUPERSEDED:
        return None
    live = Deployment.objects.filter(recommender=frozen.recommender_id, ended_at=None).first()
    return live.epoch if live and live.version_id == frozen.base_id else None


def _end(frozen: PublishingFreeze, how: Thaw, reason: str, by: Any) -> None:
    with transaction.atomic():
        recommender = Recommender.objects.select_for_update().get(pk=frozen.recommender_id)
        frozen.end(how, reason, by=by)
        kept = Checkpoint.objects.filter(recommender=recommender, epoch=frozen.line)
        kept.update(epoch=epoch_of(recommender))
        transaction.on_commit(
            lambda: signals.publishing_thawed.send(PublishingFreeze, freeze=frozen)
        )
