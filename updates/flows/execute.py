"""Execute a queued run: train, judge on samples held out, catch up, publish, promote.

Whatever instant the worker dies at, the live version is untouched: all that readers see changes in
the one transaction at the end, and that transaction is fenced.
"""

import logging
from collections.abc import Callable

from django.utils import timezone

from updates.flows import beside as full_beside
from updates.flows import local
from updates.flows.attempt import Attempt, Stopped
from updates.flows.external import execute as external
from updates.flows.online import session
from updates.flows.online.position import CannotGoOn
from updates.flows.promote import BaseMoved
from updates.flows.publish import publish
from updates.flows.rebuild import CannotRebuild, rebuild
from updates.flows.relearn import NotProvable
from updates.flows.training import (
    Refused,
    base_of,
    first_of_window,
    judge,
    newest_event_time,
    training_stop,
)
from updates.models import Canary, ComponentLease, ModelVersion, UpdatePolicy, UpdateRun
from updates.models.lease import LeaseLost
from updates.models.policy import Strategy
from updates.models.run import REBUILD, IllegalRunMove, RunState
from updates.samples.log import SampleLog
from updates.serving.deltas import Fenced
from updates.strategies import full, incremental
from updates.strategies.base import Candidate, NothingToLearn

logger = logging.getLogger(__name__)


def execute(run_id: int, worker: str, stopping: Callable[[], bool] = session.never) -> bool:
    """Take the run and see it through; false where it was not to be had (taken, ended, waiting).

    stopping : whether the worker wants to end; an online session then makes way.
    """
    run = UpdateRun.objects.select_related("recommender__live_version", "policy").get(pk=run_id)
    if run.strategy != REBUILD and not run.recommender.trained_here:
        return external.execute(run, worker)
    if not _may_begin(run):
        return False
    beside = full_beside.goes_beside(run)
    needs = [full_beside.LEASE] if beside else run.components
    fences = ComponentLease.acquire(run, needs, timezone.now())
    if fences is None:
        return False
    try:
        number = run.claim(worker, fences, timezone.now())
    except IllegalRunMove:
        ComponentLease.release(run, fences)
        return False
    with Attempt(run, fences, number) as attempt:
        try:
            if run.strategy == Strategy.ONLINE:
                session.Session(run, attempt, stopping).see_through()
            else:
                (_update_beside if beside else UPDATES[run.strategy])(run, attempt)
        except (Stopped, LeaseLost, Fenced, IllegalRunMove) as lost:
            logger.info("run %s stopped: %s", run.pk, lost)
        except (Refused, NothingToLearn, BaseMoved) as refusal:
            _end(attempt, RunState.REJECTED, str(refusal))
        except (CannotGoOn, NotProvable, CannotRebuild) as reason:
            _end(attempt, RunState.FAILED, str(reason))
        except Exception as error:
            logger.exception("run %s failed", run.pk)
            _end(attempt, RunState.FAILED, f"{type(error).__name__}: {error}")
    return True


def _may_begin(run: UpdateRun) -> bool:
    """Whether it waits for nothing but leases: no other session, no rebuild, no canary."""
    if run.state != RunState.QUEUED:
        return False
    if run.strategy == Strategy.ONLINE and session.yields_to(run):
        return False
    if run.strategy == REBUILD:
        return True
    on_trial = Canary.objects.running().filter(recommender=run.recommender)
    return not (on_trial.exists() or run.recommender.runs.rebuilding().exists())


def _end(attempt: Attempt, state: RunState, why: str) -> None:
    try:
        attempt.run.move(state, why=why, as_attempt=attempt.number)
    except IllegalRunMove as gone:
        logger.info("%s", gone)


def _update(run: UpdateRun, attempt: Attempt) -> None:
    log, policy, live = _ingredients(run)
    candidate = _train(run, policy, live, log, attempt)

    run.move(RunState.EVALUATING, as_attempt=attempt.number)
    attempt.progress("evaluating", 0, None)
    evaluation = judge(live, candidate, log, policy)
    if evaluation.passed:
        _catch_up(candidate, log, attempt)
    attempt.progress("publishing", 0, None)
    publish(run, candidate, evaluation, live, attempt)


def _update_beside(run: UpdateRun, attempt: Attempt) -> None:
    log, policy, live = _ingredients(run)
    candidate = _train(run, policy, live, log, attempt)

    run.move(RunState.EVALUATING, as_attempt=attempt.number)
    evaluation = full_beside.judge(live, candidate, log, policy, attempt)
    if evaluation.passed:
        full_beside.take(run, attempt, run.components)
        # Sessions may have made versions meanwhile: that of now is what it follows.
        run.recommender.refresh_from_db(fields=["live_version"])
        live = run.recommender.live_version
        _catch_up(candidate, log, attempt)
    attempt.progress("publishing", 0, None)
    publish(run, candidate, evaluation, live, attempt)


def _ingredients(run: UpdateRun) -> tuple[SampleLog, UpdatePolicy, ModelVersion | None]:
    policy = run.policy or UpdatePolicy(recommender=run.recommender)
    return SampleLog(run.recommender), policy, run.recommender.live_version


def _catch_up(candidate: Candidate, log: SampleLog, attempt: Attempt) -> None:
    end = log.head().last_offset + 1
    attempt.progress("catching up", 0, end - candidate.next_offset)
    candidate.learn(log, end, progress=attempt.progress)


def _train(
    run: UpdateRun,
    policy: UpdatePolicy,
    live: ModelVersion | None,
    log: SampleLog,
    attempt: Attempt,
) -> Candidate:
    newest = newest_event_time(log)
    if run.strategy == Strategy.FULL:
        start = first_of_window(log, run.window_seconds)
        return full.train(
            log,
            run.recommender.new_learner(),
            stop=training_stop(run, policy, log, start),
            newest=newest,
            window_seconds=run.window_seconds,
            progress=attempt.progress,
        )
    base = base_of(run, live)
    stop = training_stop(run, policy, log, base.position)
    return incremental.train(
        log,
        base,
        # What some components have learned cannot judge.
        stop=max(stop, base.next_offset),
        replay_fraction=policy.replay_fraction,
        progress=attempt.progress,
    )


UPDATES = {
    Strategy.FULL: _update,
    Strategy.INCREMENTAL: _update,
    Strategy.LOCAL: local.update,
    REBUILD: rebuild,
}
