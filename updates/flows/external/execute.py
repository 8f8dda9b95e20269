"""What a worker does of a run whose model is trained elsewhere: hand it to the trainer."""

from __future__ import annotations

import logging

from django.db import transaction
from django.utils import timezone

from updates.flows.external import command, webhook
from updates.flows.external.begin import begin, is_pulled
from updates.flows.training import Refused
from updates.flows.trigger import WriterBusy
from updates.learners.external import Runner
from updates.models import Assignment, UpdateRun
from updates.models.run import IllegalRunMove, RunState
from updates.strategies.base import NothingToLearn

logger = logging.getLogger(__name__)


def execute(run: UpdateRun, worker: str) -> bool:
    """Begin it, or call its trainer again; false where there is nothing to be done now.

    A run that its trainer pulls is left to wait for it.
    """
    if run.state != RunState.QUEUED:
        called = Assignment.under_way().filter(run=run, deliver_at__isnull=False).first()
        return called is not None and webhook.deliver(called)
    assignment = _begin(run, worker)
    if assignment is None:
        return False
    if assignment.runner == Runner.WEBHOOK:
        return webhook.deliver(assignment)
    command.see_through(assignment)
    return True


def _begin(run: UpdateRun, worker: str) -> Assignment | None:
    if is_pulled(run):
        return None
    try:
        return begin(run, worker)
    except (WriterBusy, IllegalRunMove) as waiting:
        logger.info("run %s waits: %s", run.pk, waiting)
    except (Refused, NothingToLearn) as refusal:
        _refuse(run, worker, str(refusal))
    return None


def _refuse(run: UpdateRun, worker: str, why: str) -> None:
    try:
        with transaction.atomic():
            run.claim(worker, {}, timezone.now())
            run.move(RunState.REJECTED, why=why, as_attempt=run.attempt)
    except IllegalRunMove as gone:
        logger.info("%s", gone)
