"""Judge a canary on the samples that arrive while it runs, and end it.

Both versions predict what neither has learned; the guardrails of the gate decide. All samples since
the canary began count, the newest MOST_JUDGED of them at most. It is looked at again once there are
half as many more, and ten times in its life at least where anything arrives: the first bad samples
end it, and few looks leave chance few occasions to.
"""

from __future__ import annotations

import logging
from datetime import datetime

import pyarrow as pa
import redis
from celery import current_app
from django.db import OperationalError as DatabaseAway
from django.utils import timezone
from kombu.exceptions import OperationalError

from recadmin.valkey import connection
from updates.flows.canary import StillWriting, promote_canary
from updates.flows.canary_end import abandon
from updates.flows.evaluate import Evaluation, evaluate_pair
from updates.learners.base import Learner
from updates.looks import is_enough
from updates.models import Canary, UpdatePolicy
from updates.models.canary import MOST_ATTEMPTS, CanaryState
from updates.samples.log import LogUnavailable, SampleLog
from updates.serving import scorer
from updates.serving.loader import load
from updates.strategies.base import Candidate
from updates.strategies.online import Judged
from updates.words import sentence

logger = logging.getLogger(__name__)

MOST_JUDGED = 50_000
LEAST_LOOKS = 10
NUDGE_AGAIN_SECONDS = 5
# The service may come back: it is looked at again at the next tick.
PASSING = (LogUnavailable, DatabaseAway, redis.RedisError, StillWriting)


def look_after_canaries(now: datetime) -> None:
    """Have those judged of which there is more to say, or whose time is up."""
    running = list(Canary.objects.running().select_related("recommender"))
    heads = SampleLog.heads([canary.recommender for canary in running]) if running else {}
    for canary in running:
        if _is_due(canary, heads[canary.recommender_id].last_offset, now):
            _nudge(canary)


def _is_due(canary: Canary, last_offset: int, now: datetime) -> bool:
    if canary.is_over(now):
        return True
    judged = canary.judged_through - canary.first_offset + 1
    more = last_offset - canary.judged_through
    rested = (now - (canary.judged_at or canary.began_at)).total_seconds()
    return is_enough(judged, more) or (more > 0 and rested >= canary.seconds / LEAST_LOOKS)


def _nudge(canary: Canary) -> None:
    """Tell a worker, at most every few seconds; a lost message is sent again by the tick."""
    try:
        key = f"recadmin:canary:{canary.pk}:nudged"
        if connection().set(key, 1, nx=True, ex=NUDGE_AGAIN_SECONDS):
            current_app.send_task(
                "updates.tasks.judge_canary", args=[canary.pk], queue="control", retry=False
            )
    except (redis.RedisError, OperationalError, OSError) as error:
        logger.warning("%s is to be judged, but no worker was told: %s", canary, error)


def judge(canary_id: int) -> None:
    """Look at what has arrived, and end it where that or the time says so; nothing where it has
    ended or another worker is at it. What cannot be judged is not promoted."""
    related = ("recommender", "version", "live", "run__policy", "version__run__policy", "begun_by")
    canary = Canary.objects.select_related(*related).filter(pk=canary_id).first()
    now = timezone.now()
    if canary is None or not canary.claim(now):
        return
    try:
        if canary.attempts > MOST_ATTEMPTS:
            abandon(canary, CanaryState.REJECTED, "Workers stopped answering while judging it.")
        else:
            _look(canary, now)
    except PASSING as trouble:
        logger.warning("%s is judged later: %s", canary, trouble)
    except Exception as error:
        logger.exception("judging %s", canary)
        why = sentence(f"It could not be judged: {error or type(error).__name__}")
        abandon(canary, CanaryState.REJECTED, why)
    finally:
        canary.let_go()


def _look(canary: Canary, now: datetime) -> None:
    through, evaluation = _evaluated(canary)
    canary.judged(through, evaluation.to_json(), now)
    if not evaluation.passed:
        abandon(canary, CanaryState.REJECTED, f"On trial: {evaluation.verdict}")
    elif canary.is_over(now):
        why = "Its canary has ended, and it has broken no guardrail."
        promote_canary(canary, why)


def _evaluated(canary: Canary) -> tuple[int, Evaluation]:
    """The last sample there is, and both versions on those that have arrived.

    Raises CorruptArtifact, CorruptSegment, LogGap, LogUnavailable and UnknownLearner.
    """
    learner = load(canary.version, serving=False)
    # The recommender's schema may have changed since.
    log = SampleLog(canary.recommender).with_schema(learner.schema.to_json())
    through = log.head().last_offset
    first = max(canary.first_offset, through + 1 - MOST_JUDGED)
    samples = _samples(log, learner, first, through + 1)
    candidate = Candidate(learner, parts=canary.version.parts(learner.components))
    # As they are served: with the weights that serving has.
    ours, theirs = (scorer.predict(version, samples) for version in (canary.version, canary.live))
    judged = Judged(samples, ours, first)
    return through, evaluate_pair(candidate, judged, canary.live, theirs, _policy(canary))


def _samples(log: SampleLog, learner: Learner, first: int, stop: int) -> pa.Table:
    schema = learner.schema.arrow
    batches = [batch.select(schema.names) for batch in log.read(first, stop)]
    return pa.Table.from_batches(batches, schema=schema).combine_chunks()


def _policy(canary: Canary) -> UpdatePolicy:
    """The guardrails: of the policy whose run made the version, or those of any policy."""
    run = canary.run or getattr(canary.version, "run", None)
    policy = (run and run.policy) or UpdatePolicy(recommender=canary.recommender)
    # The gate has judged that; here other work in the same process would decide.
    policy.max_score_ms = None
    return policy
