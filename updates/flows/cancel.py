"""Cancel a run: at once in its state; its worker stops at its next report, publishing nothing."""

from typing import Any

from django.db import transaction

from updates.flows.canary_end import abandon
from updates.models import Canary, ComponentLease, UpdateRun
from updates.models.canary import CanaryState
from updates.models.run import RunState


def cancel(run: UpdateRun, *, by: Any = None, reason: str = "") -> None:
    """Whatever has not ended → cancelled, its canary with it. Raises IllegalRunMove."""
    why = reason or "cancelled"
    with transaction.atomic():
        run.move(RunState.CANCELLED, why=why, by=by)
        ComponentLease.release(run, run.fences)
        for canary in Canary.objects.running().filter(run=run).select_related("version"):
            abandon(canary, CanaryState.CANCELLED, why, by=by)
