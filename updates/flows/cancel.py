"""Cancel a run: at once in its state; its worker stops at its next report, publishing nothing."""

from typing import Any

from updates.models import ComponentLease, UpdateRun
from updates.models.run import RunState


def cancel(run: UpdateRun, *, by: Any = None, reason: str = "") -> None:
    """Queued, running or evaluating → cancelled. Raises IllegalRunMove."""
    run.move(RunState.CANCELLED, why=reason or "cancelled", by=by)
    ComponentLease.release(run, run.fences)
