"""Tokens of devices: each for one user of one recommender, signed and expiring.

Nothing of them is stored. Within its time a token may be sent any number of times; an interaction
that is sent again under it is known by its id.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.core import signing
from django.utils import timezone

from updates.models import Recommender
from updates.samples.batches import from_ms, to_ms

SALT = "recadmin.client-token"
SHORTEST_SECONDS, LONGEST_SECONDS = 60, 86_400


class BadToken(ValueError):
    """A token that opens nothing; says why."""


@dataclass(frozen=True)
class TokenOwner:
    """Whose devices have a token."""

    recommender_id: int
    user: str


def mint(recommender: Recommender, user: str, ttl_seconds: int) -> tuple[str, datetime]:
    """A token for the devices of one user, and when it expires."""
    expires_at = timezone.now() + timedelta(seconds=ttl_seconds)
    return signing.dumps([recommender.pk, user, to_ms(expires_at)], salt=SALT), expires_at


def read(token: str) -> TokenOwner:
    """Whose token it is. Raises BadToken."""
    try:
        recommender_id, user, expires_ms = signing.loads(token, salt=SALT)
    except (signing.BadSignature, ValueError) as error:
        raise BadToken("The token is not one of ours.") from error
    if from_ms(expires_ms) <= timezone.now():
        raise BadToken("The token has expired.")
    return TokenOwner(recommender_id, user)
