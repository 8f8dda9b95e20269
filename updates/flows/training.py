"""What updates that learn from the log have in common: where to begin, where to stop, on what to
judge."""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime
from functools import partial

import pyarrow as pa

from updates import joiners
from updates.flows.evaluate import Evaluation, evaluate
from updates.metrics import MIN_SAMPLES
from updates.models import ModelVersion, Quarantine, Recommender, UpdatePolicy, UpdateRun
from updates.samples.log import SampleLog
from updates.samples.offsets import clip, count
from updates.samples.schema import ARRIVED_AT
from updates.store import artifacts
from updates.strategies import full
from updates.strategies.base import Candidate, NothingToLearn

# At most this share of the new samples is held out to judge the candidate.
HOLDOUT_SHARE = 5


class Refused(RuntimeError):
    """The update cannot be made or promoted, for a reason that is no defect."""


def base_of(run: UpdateRun, live: ModelVersion | None) -> Candidate:
    """The live version, to be built on; written down with the run. Raises Refused."""
    base = build_on(run, live)
    learner = run.recommender.new_learner()
    learner.load(artifacts().open(base.digest))
    return Candidate(
        learner,
        parts=base.parts(learner.components),
        base_digest=base.digest,
        ranges=list(base.learned_ranges),
    )


def build_on(run: UpdateRun, live: ModelVersion | None) -> ModelVersion:
    """The live version, written down with the run as what it builds on. Raises Refused."""
    if live is None:
        raise Refused("There is no live version to build on; run a full update first.")
    if live.learner != run.recommender.learner:
        raise Refused(
            f"The live version is of learner {live.learner}, the recommender now says "
            f"{run.recommender.learner}; run a full update first."
        )
    if live.has_learned(Quarantine.standing_ranges(run.recommender)):
        raise Refused(
            f"The live version {live.number} has learned samples that are quarantined; have it "
            "rebuilt, or run a full update first."
        )
    UpdateRun.objects.filter(pk=run.pk).update(base_version=live)
    run.base_version = live
    return live


def training_stop(run: UpdateRun, policy: UpdatePolicy, log: SampleLog, start: int) -> int:
    """Offset before which an update that begins at ``start`` trains; the samples from there on
    judge it. Raises NothingToLearn and Refused."""
    end = log.head().last_offset + 1
    quarantined = count(clip(log.left_out, start, end))
    new = end - start - quarantined
    if not new:
        what = "learned already or quarantined" if quarantined else "learned already"
        raise NothingToLearn(f"Everything up to offset {end - 1} is {what}.")
    if new < policy.min_samples:
        raise Refused(
            f"There are {new} samples to learn; min_samples asks for {policy.min_samples}."
        )
    judged_end = _judged_end(run.recommender, log, start, end)
    return judged_end - min(policy.holdout_samples, (judged_end - start) // HOLDOUT_SHARE)


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
    return next(log.leaving_out([]).read(offset, offset + 1)).column(ARRIVED_AT)[0].as_py()


def newest_event_time(log: SampleLog) -> datetime:
    """Newest event time in the log; raises NothingToLearn where it is empty."""
    newest = log.head().newest_event_time
    if newest is None:
        raise NothingToLearn("The sample log is empty.")
    return newest


def first_of_window(log: SampleLog, window_seconds: int | None) -> int:
    """First offset in the window that ends now; that after the last where it holds none.

    Quarantined or not: what an update trains on and is judged on must not move with that.
    """
    since = full.window_start(newest_event_time(log), window_seconds)
    end = log.head().last_offset + 1
    first = next(iter(log.leaving_out([]).read(1, end, since)), None)
    return end if first is None else first.column("offset")[0].as_py()


def judge(
    live: ModelVersion | None, candidate: Candidate, log: SampleLog, policy: UpdatePolicy
) -> Evaluation:
    """The candidate on all samples that it has not learned; see ``evaluate``."""
    schema = log.recommender.sample_schema.arrow
    rest = log.read(candidate.next_offset, log.head().last_offset + 1)
    batches = [batch.select(schema.names) for batch in rest]
    holdout = pa.Table.from_batches(batches, schema=schema).combine_chunks()
    return evaluate(live, candidate, holdout, policy)
