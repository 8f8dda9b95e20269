"""Go back to an earlier version, and if wished hold the policies that would undo it."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from updates import signals
from updates.flows.begin_schedule import FIELDS as SCHEDULE
from updates.flows.begin_schedule import begin_schedule
from updates.flows.cancel import cancel
from updates.flows.deploy import deploy
from updates.flows.follow_predictions import ensure_moved_here
from updates.models import Deployment, ModelVersion, Recommender, UpdatePolicy
from updates.models.deployment import DeploymentKind
from updates.models.policy import Strategy
from updates.models.run import ACTIVE
from updates.store import artifacts

LONGEST_HOLD_SECONDS = 366 * 86_400


class RollBackError(ValueError):
    """The roll-back asked for cannot be; names the field that is wrong."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field


def roll_back(
    recommender: Recommender,
    *,
    to: ModelVersion,
    reason: str,
    hold: bool = False,
    hold_seconds: int | None = None,
    by: Any = None,
) -> Deployment:
    """Make an earlier live version live again, in one transaction.

    With ``hold`` its policies fire no more until the hold is lifted, or ends by itself after
    ``hold_seconds``, and updates under way are cancelled: nothing undoes the roll-back. Without it
    the next update learns again from where the version stood.

    Raises RollBackError, CorruptArtifact, IllegalVersionMove and FollowsPredictions.
    """
    ensure_moved_here(recommender)
    if hold_seconds is not None and not (hold and 1 <= hold_seconds <= LONGEST_HOLD_SECONDS):
        most = f"from 1 to {LONGEST_HOLD_SECONDS} (a year)"
        raise RollBackError("hold_seconds", f"Must be {most}, and goes with hold.")
    if not reason.strip():
        raise RollBackError("reason", "Say why: the next one to look will want to know.")
    if to.recommender_id != recommender.pk or not to.deployments.exists():
        raise RollBackError("to", f"Version {to.number} was never live.")
    if to.pruned_at is not None:
        raise RollBackError("to", f"The files of version {to.number} are no longer kept.")
    artifacts().open(to.digest)
    with transaction.atomic():
        under_way = recommender.runs.filter(state__in=ACTIVE)
        if hold:
            _hold(recommender, f"Rolled back to v{to.number}: {reason}", hold_seconds)
        else:
            # What it learned since is not to be served; another session begins where `to` stood.
            under_way = under_way.filter(strategy=Strategy.ONLINE)
        for run in under_way:
            cancel(run, by=by, reason=f"roll-back to version {to.number}")
        deployment = deploy(to, kind=DeploymentKind.ROLLBACK, reason=reason, by=by)
        transaction.on_commit(lambda: signals.rolled_back.send(Deployment, deployment=deployment))
    return deployment


def _hold(recommender: Recommender, why: str, seconds: int | None) -> None:
    until = None if seconds is None else timezone.now() + timedelta(seconds=seconds)
    recommender.policies.update(hold_reason=why, hold_until=until)


def lift_hold(policy: UpdatePolicy, *, by: Any = None, why: str = "hold lifted") -> None:
    """Let a held policy fire again from its next time on; what it missed is not made up for.

    Raises LogUnavailable as ``begin_schedule`` does.
    """
    policy.hold_reason, policy.hold_until = "", None
    policy._change_reason = why
    policy._history_user = by
    begin_schedule(policy)
    policy.save(update_fields=["hold_reason", "hold_until", *SCHEDULE])


def lift_ended_holds(now: datetime) -> None:
    """Lift the holds whose time is over. Raises LogUnavailable as ``begin_schedule`` does."""
    for policy in UpdatePolicy.objects.filter(hold_until__lte=now).select_related("recommender"):
        lift_hold(policy, why="hold ended")
