"""Tokens for the trainer of one attempt at one run: signed, and over when the attempt is.

Nothing of them is stored. They open the reports and samples of that run and nothing else.
"""

from __future__ import annotations

from datetime import timedelta

from django.core import signing
from django.utils import timezone

from updates.models import Assignment, UpdateRun

SALT = "recadmin.run-token"
# By this a run's token is told from a person's.
PREFIX = "run."
# Once the run has ended, its command may still ask how.
TIDYING = timedelta(minutes=1)


class BadToken(ValueError):
    """A token that opens nothing; says why."""


def mint(assignment: Assignment) -> str:
    """A token for as long as the attempt is at work."""
    return PREFIX + signing.dumps([assignment.run_id, assignment.attempt], salt=SALT)


def read(token: str) -> UpdateRun:
    """The run that it is for. Raises BadToken."""
    try:
        run_id, attempt = signing.loads(token.removeprefix(PREFIX), salt=SALT)
    except (signing.BadSignature, ValueError) as error:
        raise BadToken("The token is not one of ours.") from error
    run = UpdateRun.objects.filter(pk=run_id, attempt=attempt).first()
    if run is None:
        raise BadToken("Another attempt has taken the place of the token's.")
    if run.finished and timezone.now() - run.finished_at > TIDYING:
        raise BadToken("The token's run has ended.")
    return run
