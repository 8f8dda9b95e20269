"""Deployment events sent to the servers that have an address: the newest, until it is taken."""

from __future__ import annotations

import json
import logging
import random
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from django.db.models import F
from django.utils import timezone

from recadmin.webhooks import BadUrl, NotDelivered, post, signed
from updates.flows.deployment_events import event
from updates.models import Deployment, ServingTarget

logger = logging.getLogger(__name__)

FIRST_WAIT = timedelta(seconds=2)
LONGEST_WAIT = timedelta(minutes=10)
ANSWER_TAKES_SECONDS = 5.0
MOST_AT_ONCE = 16
# One that was claimed for longer than this was claimed by a process that died.
TELLING_MAY_TAKE = timedelta(minutes=1)

# Receivers that are slow hold one thread of the control worker and not one each tick.
_telling = threading.Lock()


def tell_targets(now: datetime) -> None:
    """Send what is due, all at once; returns when each receiver has answered or taken too long."""
    if not _telling.acquire(blocking=False):
        return
    try:
        _tell(_claimed(now))
    finally:
        _telling.release()


def wait_after(attempts: int) -> timedelta:
    """How long a target is left alone after so many failures: twice as long each time, less up to
    half by chance, so that those that failed together do not come back together."""
    longest = min(FIRST_WAIT * 2 ** min(attempts - 1, 20), LONGEST_WAIT)
    return longest * random.uniform(0.5, 1)  # noqa: S311 - spreads load, hides nothing


def _claimed(now: datetime) -> list[ServingTarget]:
    # Those that have not failed first: receivers that are down keep none from its news.
    order = F("due_at").asc(nulls_first=True)
    due = ServingTarget.objects.untold(now).order_by(order, "pk")[:MOST_AT_ONCE]
    return [target for target in due if target.claim(now + TELLING_MAY_TAKE, now)]


def _tell(targets: Sequence[ServingTarget]) -> None:
    if not targets:
        return
    found = Deployment.objects.select_related("recommender", "version", "previous")
    newest = found.in_bulk([target.newest for target in targets])
    bodies = {pk: json.dumps(event(each)).encode() for pk, each in newest.items()}
    # A recommender may have been deleted meanwhile.
    targets = [target for target in targets if target.newest in newest]
    with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
        problems = pool.map(lambda target: _send(target, bodies[target.newest]), targets)
        for target, problem in zip(targets, problems, strict=True):
            _note(target, newest[target.newest], problem)


def _send(target: ServingTarget, body: bytes) -> str:
    """Why it was not taken; empty where it was. Asks no database: this thread has no connection."""
    now = timezone.now()
    message_id = f"deployment-{target.newest}"
    try:
        headers = signed(message_id, int(now.timestamp()), body, target.keys(now))
        post(target.url, body, headers, seconds=ANSWER_TAKES_SECONDS)
    except (BadUrl, NotDelivered) as error:
        return str(error)
    return ""


def _note(target: ServingTarget, deployment: Deployment, problem: str) -> None:
    now = timezone.now()
    if not problem:
        target.has_taken(deployment, now)
        return
    attempts = target.attempts_at(deployment) + 1
    logger.warning("%s, event %d, attempt %d: %s", target.name, deployment.pk, attempts, problem)
    target.has_not_taken(deployment, problem, wait_after(attempts), now)
