"""Start an update: by hand, by the API, or because a policy fired."""

import logging
from datetime import datetime
from typing import Any

from celery import current_app
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from kombu.exceptions import OperationalError

from updates.models import Canary, Recommender, UpdatePolicy, UpdateRun
from updates.models.component_rules import component_errors
from updates.models.policy import EXECUTED, Strategy
from updates.models.run import ACTIVE, RunState

logger = logging.getLogger(__name__)


class TriggerError(ValueError):
    """The update asked for cannot be; names the field that is wrong."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(problem)
        self.field = field


class WriterBusy(RuntimeError):
    """A component asked for already has a writer; ``run`` is that writer's."""

    def __init__(self, run: UpdateRun) -> None:
        super().__init__(
            f"Run {run.pk} ({run.strategy}, {run.state}) is already updating "
            f"{', '.join(run.components)} of {run.recommender.slug}."
        )
        self.run = run


def trigger(
    recommender: Recommender,
    *,
    policy: UpdatePolicy | None = None,
    strategy: str | None = None,
    components: list[str] | None = None,
    window_seconds: int | None = None,
    requested_by: Any = None,
    reason: str = "",
    due_at: datetime | None = None,
) -> UpdateRun:
    """Queue an update and tell a worker. Raises TriggerError, WriterBusy and OnTrial.

    With ``due_at`` it is a fire of the policy's schedule: it then waits its turn behind another
    writer or a canary, and falls in with a fire of the same policy that is still waiting.
    """
    plan = _plan(recommender, policy, strategy, components, window_seconds)
    with transaction.atomic():
        # One at a time decides whether there is a writer already.
        Recommender.objects.select_for_update().get(pk=recommender.pk)
        if due_at is not None:
            waiting = UpdateRun.objects.filter(policy=policy, state=RunState.QUEUED).first()
            if waiting:
                waiting.coalesce(1)
                return waiting
        else:
            _refuse_second_writer(recommender, plan)
        run = UpdateRun.objects.create(
            recommender=recommender,
            policy=policy,
            requested_by=requested_by,
            reason=reason,
            due_at=due_at,
            **plan,
        )
        transaction.on_commit(lambda: nudge(run))
    return run


def nudge(run: UpdateRun) -> None:
    """Tell a worker of the run. Losing the message loses nothing: the tick nudges again."""
    UpdateRun.objects.filter(pk=run.pk).update(nudged_at=timezone.now())
    queue = "online" if run.strategy == Strategy.ONLINE else "runs"
    try:
        current_app.send_task("updates.tasks.execute_run", args=[run.pk], queue=queue, retry=False)
    except (OperationalError, OSError) as error:
        logger.warning("run %s is queued, but no worker could be told: %s", run.pk, error)


def _plan(
    recommender: Recommender,
    policy: UpdatePolicy | None,
    strategy: str | None,
    components: list[str] | None,
    window_seconds: int | None,
) -> dict[str, Any]:
    if policy is not None:
        if policy.strategy not in EXECUTED:
            raise TriggerError("policy", f"{policy.name} is for devices: workers do nothing of it.")
        return {
            "strategy": policy.strategy,
            "components": policy.effective_components,
            "window_seconds": policy.window_seconds,
        }
    if strategy not in EXECUTED:
        raise TriggerError("strategy", f"Must be one of {', '.join(EXECUTED)}.")
    once = UpdatePolicy(recommender=recommender, strategy=strategy, components=components or [])
    for field, problem in component_errors(once).items():
        raise TriggerError(field, problem)
    return {
        "strategy": strategy,
        "components": once.effective_components,
        "window_seconds": window_seconds,
    }


def _refuse_second_writer(recommender: Recommender, plan: dict[str, Any]) -> None:
    active = recommender.runs.filter(state__in=ACTIVE).select_related("recommender")
    # An online session makes way; a full update lets it go on until it has a version ready.
    beside = Strategy.FULL if plan["strategy"] == Strategy.ONLINE else Strategy.ONLINE
    active = active.exclude(Q(strategy=beside) & ~Q(state=RunState.CANARY))
    for run in active:
        if set(run.components) & set(plan["components"]):
            raise WriterBusy(run)
    Canary.ensure_none(recommender)
