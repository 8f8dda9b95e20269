"""Give a run to its trainer: the leases, an attempt, and what is to be learned in it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from updates.flows.external.reports import lease_seconds
from updates.flows.training import Refused, build_on, first_of_window, training_stop
from updates.flows.trigger import WriterBusy, trigger
from updates.learners.external import Runner
from updates.models import Assignment, ComponentLease, Recommender, UpdatePolicy, UpdateRun
from updates.models.policy import Strategy
from updates.models.run import REBUILD, RunState
from updates.samples.log import SampleLog
from updates.strategies.base import NothingToLearn


class NotToBeClaimed(RuntimeError):
    """No trainer comes for the runs of this recommender; says why."""


class NoWork(RuntimeError):
    """There is nothing that a run could learn now; says why."""


def claim(
    recommender: Recommender,
    *,
    strategy: str = "",
    components: Sequence[str] = (),
    worker: str = "",
    by: Any = None,
) -> Assignment:
    """The oldest queued run that fits, or a new one, for the trainer that asks.

    strategy : "" for any; of a new run then incremental, where there is a version to build on.
    Raises NotToBeClaimed, TriggerError, WriterBusy and NoWork, with nothing changed: a queued run
    without work waits for samples.
    """
    _ensure_pulled(recommender)
    worker = worker or "a trainer"
    with transaction.atomic():
        # One at a time decides which run is whose.
        recommender = Recommender.objects.select_for_update().get(pk=recommender.pk)
        run = _oldest_queued(recommender, strategy, components) or trigger(
            recommender,
            strategy=strategy or _usual(recommender),
            components=list(components),
            requested_by=by,
            reason=f"pulled by {worker}",
        )
        try:
            return begin(run, worker)
        except (Refused, NothingToLearn) as nothing:
            raise NoWork(str(nothing)) from nothing


def is_pulled(run: UpdateRun) -> bool:
    """Whether its trainer comes for it: it waits for no worker."""
    recommender = run.recommender
    if run.strategy == REBUILD or recommender.trained_here:
        return False
    return bool(recommender.learner_options.get("runner", Runner.PULL) == Runner.PULL)


def _ensure_pulled(recommender: Recommender) -> None:
    if recommender.trained_here:
        raise NotToBeClaimed(f"recadmin itself trains {recommender.slug} ({recommender.learner}).")
    if not recommender.updated_here:
        raise NotToBeClaimed(f"{recommender.slug} is {recommender.learner}: it has no runs here.")
    runner = recommender.new_learner().settings["runner"]
    if runner != Runner.PULL:
        raise NotToBeClaimed(
            f"Its learner_options say runner {runner}: recadmin reaches the trainer by itself."
        )


def _oldest_queued(
    recommender: Recommender, strategy: str, components: Sequence[str]
) -> UpdateRun | None:
    queued = recommender.runs.filter(state=RunState.QUEUED).exclude(strategy=REBUILD)
    if strategy:
        queued = queued.filter(strategy=strategy)
    fitting = (
        run
        for run in queued.select_related("policy").order_by("pk")
        if not components or set(run.components) == set(components)
    )
    return next(fitting, None)


def _usual(recommender: Recommender) -> Strategy:
    return Strategy.FULL if recommender.live_version is None else Strategy.INCREMENTAL


def begin(run: UpdateRun, worker: str) -> Assignment:
    """Queued → running, under a lease as long as the learner's options say.

    Raises WriterBusy, Refused, NothingToLearn and IllegalRunMove, with nothing changed.
    """
    recommender = run.recommender
    settings = recommender.new_learner().settings
    now = timezone.now()
    if rebuild := recommender.runs.rebuilding().exclude(pk=run.pk).first():
        raise WriterBusy(rebuild)
    with transaction.atomic():
        first, stop, end = _span(run)
        seconds = min(lease_seconds(run), settings["time_limit_seconds"])
        fences = ComponentLease.acquire(run, run.components, now, seconds)
        if fences is None:
            raise WriterBusy(_holder(run))
        attempt = run.claim(worker[:120], fences, now)
        return Assignment.objects.create(
            run=run,
            attempt=attempt,
            runner=settings["runner"],
            first_offset=first,
            next_offset=stop,
            holdout_next_offset=end,
            deadline_at=now + timedelta(seconds=settings["time_limit_seconds"]),
            deliver_at=now if settings["runner"] == Runner.WEBHOOK else None,
        )


def _span(run: UpdateRun) -> tuple[int, int, int]:
    """Where learning begins, where it stops and judging begins, and where judging stops."""
    log, recommender = SampleLog(run.recommender), run.recommender
    policy = run.policy or UpdatePolicy(recommender=recommender)
    if run.strategy == Strategy.FULL:
        start = first_of_window(log, run.window_seconds)
    else:
        start = build_on(run, recommender.live_version).next_offset
    stop = training_stop(run, policy, log, start)
    return start, stop, log.head().last_offset + 1


def _holder(run: UpdateRun) -> UpdateRun:
    held = ComponentLease.objects.filter(
        recommender=run.recommender, component__in=run.components, run__isnull=False
    ).exclude(run=run)
    lease = held.select_related("run__recommender").first()
    return lease.run if lease else run
