"""One tick: claim the policies that are due, take up what a dead worker left, remind workers.

Any number of beats may tick at once: every claim is a conditional update that one caller wins.
"""

import logging
from contextlib import suppress
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from updates.cadence import Trigger
from updates.flows.canary_judge import look_after_canaries
from updates.flows.explain import look_after_explanations
from updates.flows.external.begin import is_pulled
from updates.flows.external.reports import AttemptOver, out_of_time
from updates.flows.fire import fire
from updates.flows.jobs import look_after
from updates.flows.roll_back import lift_ended_holds
from updates.flows.trigger import WriterBusy, nudge, trigger
from updates.models import Assignment, ComponentLease, Proof, UpdatePolicy, UpdateRun, WhatIf
from updates.models.canary import OnTrial
from updates.models.policy import EXECUTED
from updates.models.run import ACTIVE, WRITING, IllegalRunMove, RunState
from updates.samples.log import Head, SampleLog

logger = logging.getLogger(__name__)

JOBS = (Proof, WhatIf)
# What has killed so many workers would kill the next.
MAX_DEATHS = 3
REST_AFTER_FAILURE = timedelta(seconds=10)
NUDGE_AGAIN_AFTER = timedelta(seconds=5)
# A staleness policy acts when so much of the objective is left, and rests as long between looks.
STALENESS_MARGIN = 0.1


def tick(now: datetime | None = None) -> None:
    """Everything that time or arrived samples make due. One failing policy stops no other."""
    now = now or timezone.now()
    lift_ended_holds(now)
    active = UpdatePolicy.objects.filter(
        enabled=True, hold_reason="", strategy__in=EXECUTED
    ).select_related("recommender__live_version")
    due = Q(next_due_at__lte=now)
    watching = Q(trigger__in=[Trigger.SAMPLES, Trigger.STALENESS, Trigger.CONTINUOUS])
    policies = list(active.filter(due | watching))
    heads = SampleLog.heads([policy.recommender for policy in policies]) if policies else {}
    for policy in policies:
        try:
            _fire_if_due(policy, heads[policy.recommender_id], now)
        except Exception:
            logger.exception("policy %s", policy)
    fail_overdue(now)
    take_up_abandoned(now)
    remind_workers(now)
    call_trainers(now)
    look_after_explanations()
    for kind in JOBS:
        look_after(kind)
    look_after_canaries(now)


def _fire_if_due(policy: UpdatePolicy, head: Head, now: datetime) -> None:
    if policy.trigger == Trigger.SAMPLES:
        _claim_samples(policy, head, now)
    elif policy.trigger == Trigger.STALENESS:
        _claim_staleness(policy, head, now)
    elif policy.trigger == Trigger.CONTINUOUS:
        if head.last_offset:
            go_on(policy, now)
    else:
        claim_timed(policy, now, head)


def claim_timed(policy: UpdatePolicy, now: datetime, head: Head | None = None) -> bool:
    """Run the fire of its timetable that is due, if any: once, however many try.

    Fires missed since (the machine was down) coalesce into this one, and are counted with it.
    """
    due_at = policy.next_due_at
    if due_at is None or due_at > now or not policy.cadence.timed:
        return False
    next_due_at = policy.cadence.next_fire(last=due_at, after=now)
    missed = policy.cadence.missed(due_at, now)
    with transaction.atomic():
        if not policy.claim(due_at, next_due_at):
            return False
        fire(policy, due_at, now, head, missed=missed)
    return True


def _claim_samples(policy: UpdatePolicy, head: Head, now: datetime) -> None:
    arrived = head.last_offset - policy.fired_through_offset
    if not policy.every_samples or arrived < policy.every_samples:
        return
    with transaction.atomic():
        if policy.claim_offset(head.last_offset):
            fire(policy, now, now, head)


def _claim_staleness(policy: UpdatePolicy, head: Head, now: datetime) -> None:
    live = policy.recommender.live_version
    objective = timedelta(seconds=policy.objective_seconds)
    if head.newest_event_time is None:
        return
    stands = live.least(policy.effective_components) if live else None
    if stands is not None and stands.watermark is not None:
        if stands.next_offset > head.last_offset:
            return
        if now - stands.watermark < objective * (1 - STALENESS_MARGIN):
            return
    with transaction.atomic():
        if policy.claim_rest(now, max(objective * STALENESS_MARGIN, timedelta(seconds=1))):
            fire(policy, now, now, head)


def go_on(policy: UpdatePolicy, now: datetime) -> None:
    """A continuous policy's next session, unless one is there or another update is at work."""
    rested = policy.runs.filter(state=RunState.FAILED, finished_at__gt=now - REST_AFTER_FAILURE)
    if policy.runs.filter(state__in=ACTIVE).exists() or rested.exists():
        return
    with suppress(WriterBusy, OnTrial):
        trigger(policy.recommender, policy=policy, reason=f"{policy.name} goes on")


def fail_overdue(now: datetime) -> None:
    """Fail the runs whose trainers take longer than they may."""
    for assignment in Assignment.under_way().filter(deadline_at__lte=now):
        with suppress(AttemptOver):
            out_of_time(assignment)


def call_trainers(now: datetime) -> None:
    """Have workers call the trainers that are to be called now."""
    for assignment in Assignment.under_way().filter(deliver_at__lte=now):
        nudge(assignment.run)


def take_up_abandoned(now: datetime) -> None:
    """Queue again, or fail, the runs whose worker let its lease expire."""
    for run in UpdateRun.objects.active().filter(state__in=WRITING).select_related("recommender"):
        if not ComponentLease.objects.filter(run=run, expires_at__gt=now).exists():
            try:
                _take_up(run)
            except IllegalRunMove:
                logger.info("run %s ended meanwhile", run.pk)


def _take_up(run: UpdateRun) -> None:
    died = f"worker {run.worker} stopped answering in phase {run.progress_phase or 'starting'}"
    waiting = UpdateRun.objects.filter(
        policy_id=run.policy_id, policy__isnull=False, state=RunState.QUEUED
    ).first()
    if waiting:
        why = f"{died}; run {waiting.pk} of the same policy is waiting and does its work"
        run.move(RunState.FAILED, why=why, as_attempt=run.attempt)
        return
    deaths = run.deaths + 1
    if deaths >= MAX_DEATHS:
        why = f"{died}, the last of {MAX_DEATHS} that were tried"
        run.move(RunState.FAILED, why=why, as_attempt=run.attempt, deaths=deaths)
    else:
        why = f"{died}; queued again"
        run.move(RunState.QUEUED, why=why, as_attempt=run.attempt, deaths=deaths)
        nudge(run)


def wake_followers(run_id: int) -> None:
    """What this run's end lets begin: those that waited for what it held, its own continuation."""
    ended = UpdateRun.objects.select_related("policy__recommender").get(pk=run_id)
    policy = ended.policy
    if policy is not None and policy.trigger == Trigger.CONTINUOUS and policy.active:
        go_on(policy, timezone.now())
    for waiting in UpdateRun.objects.filter(recommender__runs=run_id, state=RunState.QUEUED):
        nudge(waiting)


def remind_workers(now: datetime) -> None:
    """Send again what may have been lost with the broker, or had to wait for a lease. What trainers
    come for by themselves is no worker's."""
    overdue = Q(nudged_at__isnull=True) | Q(nudged_at__lte=now - NUDGE_AGAIN_AFTER)
    waiting = UpdateRun.objects.active().filter(overdue, state=RunState.QUEUED)
    for run in waiting.select_related("recommender"):
        if not is_pulled(run):
            nudge(run)
