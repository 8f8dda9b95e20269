"""Call a trainer: one signed request, tried again until it is taken or there is no use in it.

What is still to be called, and when, lies in the database: a worker that dies at it is followed by
another. A trainer that is called twice knows the attempt.
"""

from __future__ import annotations

import http.client
import json
import logging
import random
import ssl
import time
import urllib.error
import urllib.request
from contextlib import suppress
from datetime import datetime, timedelta
from http import HTTPStatus

from django.conf import settings
from django.utils import timezone

from recadmin.outgoing import public_only
from updates import signing
from updates.flows.external.reports import AttemptOver, end, lease_seconds, renew
from updates.flows.external.told import told
from updates.models import Assignment

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 10
# A process that died while it called is taken to have called nobody.
CALL_MAY_TAKE = timedelta(seconds=30)
FIRST_WAIT_SECONDS, MOST_CALLS = 5, 7
# Answers after which the same request may succeed.
MAY_PASS = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
}
RUN = "Recadmin-Run"


class NotTaken(RuntimeError):
    """The trainer has not taken the request. ``final``: it never will."""

    def __init__(self, why: str, *, final: bool = False) -> None:
        super().__init__(why)
        self.final = final


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
        except NotTaken as problem:
            _not_taken(assignment, problem, until)
        else:
            renew(assignment, timezone.now())
            Assignment.objects.filter(pk=assignment.pk).update(deliver_at=None)
    return True


def _call(assignment: Assignment) -> None:
    options = assignment.run.recommender.new_learner().settings
    body = json.dumps(told(assignment)).encode()
    secret = signing.secret_of(assignment.run.recommender.slug, options["secret_number"])
    headers = {
        "Content-Type": "application/json",
        RUN: f"{assignment.run_id}/{assignment.attempt}",
        **signing.headers(secret, body, int(time.time())),
    }
    post(options["url"], body, headers)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A redirect could lead elsewhere than the address that was configured."""

    def redirect_request(self, *args: object, **kwargs: object) -> None:
        return None


def post(url: str, body: bytes, headers: dict[str, str]) -> None:
    """Send it, to public addresses only unless settings allow others. Raises NotTaken.

    Proxies of the environment are not used: what they connect to could not be looked at.
    """
    # That it is http or https is a rule of the learner's options.
    request = urllib.request.Request(url, body, headers, method="POST")  # noqa: S310
    opener = urllib.request.build_opener(_NoRedirect, urllib.request.ProxyHandler({}))
    with public_only(unless=settings.EXTERNAL_PRIVATE_ADDRESSES) as refused:
        try:
            with opener.open(request, timeout=TIMEOUT_SECONDS):
                return
        except urllib.error.HTTPError as answer:
            answer.close()
            passes = answer.code >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.code in MAY_PASS
            raise NotTaken(f"It answered {answer.code}.", final=not passes) from answer
        except (OSError, http.client.HTTPException, ssl.SSLError) as error:
            if refused():
                why = "Its address is a private one: see EXTERNAL_PRIVATE_ADDRESSES."
                raise NotTaken(why, final=True) from error
            raise NotTaken(f"It did not answer ({type(error).__name__}).") from error


def _not_taken(assignment: Assignment, problem: NotTaken, until: datetime) -> None:
    """Wait twice as long each time, more or less; give up in the end."""
    calls = assignment.deliveries + 1
    logger.warning("%s, call %d: %s", assignment, calls, problem)
    if problem.final or calls >= MOST_CALLS:
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
