"""Go back to an earlier version, and if wished hold the policies that would undo it."""

from typing import Any

from django.db import transaction

from updates import signals
from updates.flows.begin_schedule import FIELDS as SCHEDULE
from updates.flows.begin_schedule import begin_schedule
from updates.flows.cancel import cancel
from updates.flows.deploy import deploy
from updates.models import Deployment, ModelVersion, Recommender, UpdatePolicy
from updates.models.deployment import DeploymentKind
from updates.models.policy import Strategy
from updates.models.run import ACTIVE
from updates.store import artifacts


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
    by: Any = None,
) -> Deployment:
    """Make an earlier live version live again, in one transaction.

    With ``hold`` its policies fire no more until the hold is lifted, and updates under way are
    cancelled: nothing undoes the roll-back. Without it the next update learns again from where
    the version stood. Raises RollBackError, CorruptArtifact, IllegalVersionMove.
    """
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
            recommender.policies.update(hold_reason=f"Rolled back to v{to.number}: {reason}")
        else:
            # What it learned since is not to be served; another session begins where `to` stood.
            under_way = under_way.filter(strategy=Strategy.ONLINE)
        for run in under_way:
            cancel(run, by=by, reason=f"roll-back to version {to.number}")
        deployment = deploy(to, kind=DeploymentKind.ROLLBACK, reason=reason, by=by)
        transaction.on_commit(lambda: signals.rolled_back.send(Deployment, deployment=deployment))
    return deployment


def lift_hold(policy: UpdatePolicy, *, by: Any = None) -> None:
    """Let a held policy fire again from its next time on; what it missed is not made up for.

    Raises LogUnavailable as ``begin_schedule`` does.
    """
    policy.hold_reason = ""
    policy._change_reason = "hold lifted"
    policy._history_user = by
    begin_schedule(policy)
    policy.save(update_fields=["hold_reason", *SCHEDULE])
