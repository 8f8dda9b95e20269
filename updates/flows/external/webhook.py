"""Call a trainer: one signed request, tried again until it is taken or there is no use in it.

What is still to be called, and when, lies in the database: a worker that dies at it is followed by
another. A trainer that is called twice knows the attempt.
"""

from __future__ import annotations

import json
import logging
import random
from contextlib import suppress
from datetime import datetime, timedelta
from http import HTTPStatus

from django.utils import timezone
from django.utils.crypto import salted_hmac

from recadmin.webhooks import BadUrl, NotAllowed, NotDelivered, post, signed
from updates.flows.external.reports import AttemptOver, end, lease_seconds, renew
from updates.flows.external.told import told
from updates.models import Assignment, Recommender

logger = logging.getLogger(__name__)

ANSWER_TAKES_SECONDS = 10.0
# A process that died while it called is taken to have called nobody.
CALL_MAY_TAKE = timedelta(seconds=40)
FIRST_WAIT_SECONDS, MOST_CALLS = 5, 7
# Answers after which the same request may succeed, beside those of a server that fails.
MAY_PASS = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
SALT = "updates.external.webhook"


def key_of(recommender: Recommender) -> bytes:
    """What requests to its trainer are signed with: derived from SECRET_KEY, so that it is nowhere
    kept; another ``secret_number`` makes another one."""
    number = recommender.new_learner().settings["secret_number"]
    return salted_hmac(SALT, f"{recommender.slug}/{number}", algorithm="sha256").digest()


def deliver(assignment: Assignment) -> bool:
    """Call the trainer if that is due; false where it is not, or another worker is at it."""
    now = timezone.now()
    until = now + CALL_MAY_TAKE
    if not assignment.claim_delivery(now, until):
        return False
    with suppress(AttemptOver):
        renew(assignment, now)
        try:
            _call(assignment)
        except (BadUrl, NotDelivered) as problem:
            _not_taken(assignment, problem, until)
        else:
            renew(assignment, timezone.now())
            Assignment.objects.filter(pk=assignment.pk).update(deliver_at=None)
    return True


def _call(assignment: Assignment) -> None:
    """Send it. Raises BadUrl and NotDelivered."""
    recommender = assignment.run.recommender
    body = json.dumps(told(assignment)).encode()
    message_id = f"run-{assignment.run_id}-{assignment.attempt}"
    headers = signed(message_id, int(timezone.now().timestamp()), body, [key_of(recommender)])
    url = recommender.new_learner().settings["url"]
    post(url, body, headers, seconds=ANSWER_TAKES_SECONDS)


def _is_final(problem: BadUrl | NotDelivered) -> bool:
    """Whether there is no use in the same request again."""
    if not isinstance(problem, NotDelivered) or isinstance(problem, NotAllowed):
        return True
    status = problem.status
    if status is None or status in MAY_PASS:
        return False
    return status < HTTPStatus.INTERNAL_SERVER_ERROR


def _not_taken(assignment: Assignment, problem: BadUrl | NotDelivered, until: datetime) -> None:
    """Wait twice as long each time, more or less; give up in the end."""
    calls = assignment.deliveries + 1
    logger.warning("%s, call %d: %s", assignment, calls, problem)
    if _is_final(problem) or calls >= MOST_CALLS:
        tries = f" after {calls} calls" if calls > 1 else ""
        end(assignment.run, assignment.attempt, f"The trainer was not reached{tries}: {problem}")
        return
    # Two workers that failed together do not come again together.
    wait = FIRST_WAIT_SECONDS * 2 ** (calls - 1) * random.uniform(0.5, 1.5)  # noqa: S311
    now = timezone.now()
    renew(assignment, now, wait + lease_seconds(assignment.run))
    # Who has reported meanwhile has been reached after all.
    Assignment.objects.filter(pk=assignment.pk, deliver_at=until).update(
        deliveries=calls, deliver_at=now + timedelta(seconds=wait)
    )
