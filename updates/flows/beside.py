"""A full update beside online learning.

It reads the log only, so it needs no component while it trains: online learning goes on. Then it
follows the log as the online model does, each sample predicted before it is learned, so that both
are judged on the same samples: the difference in NE is the optimality gap. Only a candidate that
may be promoted asks for the components. The session makes way, what arrived since is learned, and
the next session goes on from the new version.
"""

from __future__ import annotations

import time
from collections.abc import Collection

import numpy as np
from django.utils import timezone

from updates.flows.attempt import Attempt
from updates.flows.evaluate import Evaluation, evaluate_judged, evaluate_pair, reference_for
from updates.models import ComponentLease, ModelVersion, Recommender, UpdatePolicy, UpdateRun
from updates.models.policy import Strategy
from updates.models.run import ACTIVE
from updates.samples.log import SampleLog
from updates.serving.loader import load
from updates.strategies.base import Candidate
from updates.strategies.online import Judged, OnlineLearning

# What such a run holds while it trains: one a recommender. No component has a space in its name.
LEASE = "full update"
ASK_SECONDS = 0.1


def goes_beside(run: UpdateRun) -> bool:
    """Whether it is a full update of what is learned online."""
    if run.strategy != Strategy.FULL:
        return False
    return bool(learned_online(run.recommender) & set(run.components))


def learned_online(recommender: Recommender) -> set[str]:
    """Components that sessions move, or would if there were samples."""
    sessions = recommender.runs.filter(strategy=Strategy.ONLINE, state__in=ACTIVE)
    policies = recommender.policies.filter(strategy=Strategy.ONLINE, enabled=True, hold_reason="")
    return {
        *(name for session in sessions for name in session.components),
        *(name for policy in policies for name in policy.effective_components),
    }


def judge(
    live: ModelVersion | None,
    candidate: Candidate,
    log: SampleLog,
    policy: UpdatePolicy,
    attempt: Attempt,
) -> Evaluation:
    """Follow the log to its present end; the newest samples of it judge.

    The online model is taken from a version of its line that had not learned them, which learns
    them again: its predictions are to the bit those that the sessions made.
    """
    version = reference_for(live, candidate.next_offset) or live
    reference = _reference(version) if version else None
    stop, keep = log.head().last_offset + 1, policy.holdout_samples
    if reference is None or not reference.learner.sequential:
        judged = _followed(candidate, log, stop, keep, attempt)
        return evaluate_judged(live, candidate, judged, policy)
    start = max(candidate.next_offset, reference.next_offset)
    candidate.learn(log, start, progress=attempt.progress)
    judged = _followed(candidate, log, stop, keep, attempt)
    # The version may be of an older schema.
    its_log = log.with_schema(reference.learner.schema.to_json())
    reference.learn(its_log, start, progress=attempt.progress)
    predictions = _followed(reference, its_log, stop, keep, attempt).predictions
    return evaluate_pair(
        candidate, judged, version, predictions if len(predictions) else None, policy
    )


def _followed(
    candidate: Candidate, log: SampleLog, stop: int, keep: int, attempt: Attempt
) -> Judged:
    """Learned up to offset ``stop`` (not included): the newest samples, each predicted before."""
    learning = OnlineLearning(candidate, keep)
    start = candidate.next_offset
    for stretch in log.stretches(start, stop):
        attempt.progress("evaluating", candidate.next_offset - start, stop - start)
        learning.learn(stretch)
    nothing = candidate.learner.schema.arrow.empty_table()
    return learning.judged() or Judged(nothing, np.empty(0), candidate.next_offset)


def take(run: UpdateRun, attempt: Attempt, components: Collection[str]) -> None:
    """Ask for them, and wait until their writer has let go. Raises Stopped."""
    while True:
        attempt.progress("taking over", 0, None)
        fences = ComponentLease.acquire(run, components, timezone.now())
        if fences is not None:
            attempt.hold(fences)
            return
        ComponentLease.want(run, components)
        time.sleep(ASK_SECONDS)


def _reference(version: ModelVersion) -> Candidate:
    learner = load(version, serving=False)
    learning = learner.moved(learned_online(version.recommender))
    return Candidate(learner, parts=version.parts(learner.components), learning=learning)
