"""Execute a queued run: train, judge on samples held out, catch up, publish, promote.

Whatever instant the worker dies at, the live version is untouched: all that readers see changes in
the one transaction at the end, and that transaction is fenced.
"""

import logging
from bisect import bisect_right
from collections.abc import Callable
from datetime import datetime
from functools import partial

import pyarrow as pa
from django.utils import timezone

from updates import joiners
from updates.flows import beside as full_beside
from updates.flows.attempt import Attempt, Stopped
from updates.flows.evaluate import evaluate
from updates.flows.online import session
from updates.flows.online.position import CannotGoOn
from updates.flows.publish import publish
from updates.metrics import MIN_SAMPLES
from updates.models import ComponentLease, ModelVersion, Recommender, UpdatePolicy, UpdateRun
from updates.models.lease import LeaseLost
from updates.models.policy import Strategy
from updates.models.run import IllegalRunMove, RunState
from updates.samples.log import SampleLog
from updates.samples.schema import ARRIVED_AT
from updates.serving.deltas import Fenced
from updates.store import artifacts
from updates.strategies import full, incremental
from updates.strategies.base import Candidate, NothingToLearn

logger = logging.getLogger(__name__)

# At most this share of the new samples is held out to judge the candidate.
HOLDOUT_SHARE = 5


class Refused(RuntimeError):
    """The update cannot be made or promoted, for a reason that is no defect."""


def execute(run_id: int, worker: str, stopping: Callable[[], bool] = session.never) -> bool:
    """Take the run and see it through; false where it was not to be had (taken, ended, waiting).

    stopping : whether the worker wants to end; an online session then makes way.
    """
    run = UpdateRun.objects.select_related("recommender__live_version", "policy").get(pk=run_id)
    online = run.strategy == Strategy.ONLINE
    if run.state != RunState.QUEUED or (online and session.yields_to(run)):
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
            if online:
                session.Session(run, attempt, stopping).see_through()
            elif beside:
                _update_beside(run, attempt)
            else:
                _update(run, attempt)
        except (Stopped, LeaseLost, Fenced, IllegalRunMove) as lost:
            logger.info("run %s stopped: %s", run.pk, lost)
        except (Refused, NothingToLearn) as refusal:
            _end(attempt, RunState.REJECTED, str(refusal))
        except CannotGoOn as reason:
            _end(attempt, RunState.FAILED, str(reason))
        except Exception as error:
            logger.exception("run %s failed", run.pk)
            _end(attempt, RunState.FAILED, f"{type(error).__name__}: {error}")
    return True


def _end(attempt: Attempt, state: RunState, why: str) -> None:
    try:
        attempt.run.move(state, why=why, as_attempt=attempt.number)
    except IllegalRunMove as gone:
        logger.info("%s", gone)


def _update(run: UpdateRun, attempt: Attempt) -> None:
    log, policy, live = _ingredients(run)
    candidate, end = _train(run, policy, live, log, attempt)

    run.move(RunState.EVALUATING, as_attempt=attempt.number)
    attempt.progress("evaluating", 0, None)
    holdout = _table(log, candidate.next_offset, end, run)
    evaluation = evaluate(live, candidate, holdout, policy)
    if evaluation.passed:
        _catch_up(candidate, log, attempt)
    attempt.progress("publishing", 0, None)
    publish(run, candidate, evaluation, live, attempt)


def _update_beside(run: UpdateRun, attempt: Attempt) -> None:
    log, policy, live = _ingredients(run)
    candidate, _ = _train(run, policy, live, log, attempt)

    run.move(RunState.EVALUATING, as_attempt=attempt.number)
    evaluation = full_beside.judge(live, candidate, log, policy, attempt)
    if evaluation.passed:
        full_beside.take_components(run, attempt)
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
) -> tuple[Candidate, int]:
    """The candidate, and the end of the samples that were there when it began."""
    head = log.head()
    if head.newest_event_time is None:
        raise NothingToLearn("The sample log is empty.")
    end = head.last_offset + 1
    if run.strategy == Strategy.FULL:
        since_start = _first_of_window(log, end, head.newest_event_time, run.window_seconds)
        train = partial(
            full.train,
            log,
            run.recommender.new_learner(),
            newest=head.newest_event_time,
            window_seconds=run.window_seconds,
        )
    else:
        base = _base(run, live)
        since_start = base.next_offset
        train = partial(incremental.train, log, base, replay_fraction=policy.replay_fraction)
    new = end - since_start
    if not new:
        raise NothingToLearn(f"Everything up to offset {end - 1} is learned already.")
    if new < policy.min_samples:
        raise Refused(
            f"There are {new} samples to learn; min_samples asks for {policy.min_samples}."
        )
    judged_end = _judged_end(run.recommender, log, since_start, end)
    stop = judged_end - min(policy.holdout_samples, (judged_end - since_start) // HOLDOUT_SHARE)
    return train(stop=stop, progress=attempt.progress), end


def _judged_end(recommender: Recommender, log: SampleLog, start: int, end: int) -> int:
    """One past the last offset that may judge: the holdout should hold samples that do.

    Where labels come later than samples that is where they are still coming; with too few before
    that, all is learned but the usual holdout.
    """
    through = joiners.mature_through(recommender) if recommender.fake_negatives else None
    if through is None:
        return end
    first_immature = bisect_right(range(start, end), through, key=partial(_arrival, log))
    enough = first_immature // HOLDOUT_SHARE >= MIN_SAMPLES
    return start + first_immature if enough else end


def _arrival(log: SampleLog, offset: int) -> datetime:
    return next(log.read(offset, offset + 1)).column(ARRIVED_AT)[0].as_py()


def _first_of_window(log: SampleLog, end: int, newest: datetime, window_seconds: int | None) -> int:
    since = full.window_start(newest, window_seconds)
    first = next(iter(log.read(1, end, since)), None)
    return end if first is None else first.column("offset")[0].as_py()


def _base(run: UpdateRun, live: ModelVersion | None) -> Candidate:
    if live is None:
        raise Refused("There is no live version to build on; run a full update first.")
    if live.learner != run.recommender.learner:
        raise Refused(
            f"The live version is of learner {live.learner}, the recommender now says "
            f"{run.recommender.learner}; run a full update first."
        )
    UpdateRun.objects.filter(pk=run.pk).update(base_version=live)
    run.base_version = live
    learner = run.recommender.new_learner()
    learner.load(artifacts().open(live.digest))
    return Candidate(
        learner,
        next_offset=live.next_offset,
        watermark=live.watermark,
        base_digest=live.digest,
        ranges=list(live.learned_ranges),
    )


def _table(log: SampleLog, start: int, stop: int, run: UpdateRun) -> pa.Table:
    schema = run.recommender.sample_schema.arrow
    batches = [batch.select(schema.names) for batch in log.read(start, stop)]
    return pa.Table.from_batches(batches, schema=schema).combine_chunks()
