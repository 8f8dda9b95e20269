"""Tokens of devices: each for one user of one recommender, signed and expiring.

Nothing of them is stored. Within its time a token may be sent any number of times; an interaction
that is sent again under it is known by its id.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core import signing
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from updates.api.permissions import RolePermission
from updates.api.problems import Problem
from updates.flows.refresh_user import count_refusal, spend
from updates.models import Recommender
from updates.samples.batches import from_ms, to_ms
from updates.samples.devices import REQUESTS

KEYWORD = "Client"
SALT = "recadmin.client-token"
SHORTEST_SECONDS, LONGEST_SECONDS = 60, 86_400


class BadToken(ValueError):
    """A token that opens nothing; says why."""


@dataclass(frozen=True)
class Device:
    """Who a device's request comes from."""

    recommender_id: int
    user: str
    is_authenticated = True
    is_active = True
    pk = None


def mint(recommender: Recommender, user: str, ttl_seconds: int) -> tuple[str, datetime]:
    """A token for the devices of one user, and when it expires."""
    expires_at = timezone.now() + timedelta(seconds=ttl_seconds)
    return signing.dumps([recommender.pk, user, to_ms(expires_at)], salt=SALT), expires_at


def read(token: str) -> Device:
    """Whose token it is. Raises BadToken."""
    try:
        recommender_id, user, expires_ms = signing.loads(token, salt=SALT)
    except (signing.BadSignature, ValueError) as error:
        raise BadToken("The token is not one of ours.") from error
    if from_ms(expires_ms) <= timezone.now():
        raise BadToken("The token has expired.")
    return Device(recommender_id, user)


class ClientTokenAuthentication(BaseAuthentication):
    """``Authorization: Client …``."""

    def authenticate(self, request: Request) -> tuple[Any, str] | None:
        keyword, _, token = get_authorization_header(request).decode("latin-1").partition(" ")
        if keyword != KEYWORD:
            return None
        try:
            return read(token.strip()), token
        except BadToken as error:
            slug = request.parser_context["kwargs"].get("slug")
            if recommender := Recommender.objects.filter(slug=slug).first():
                count_refusal(recommender, "bad-token")
            raise AuthenticationFailed(str(error)) from error

    def authenticate_header(self, request: Request) -> str:
        return f"Token, {KEYWORD}"


class OwnUserOrRole(BasePermission):
    """A device may do what is its own user's, at a bounded rate; people and their tokens what their
    role allows."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        device = request.user
        if not isinstance(device, Device):
            return RolePermission().has_permission(request, view)
        recommender = view.recommender
        if device.recommender_id != recommender.pk or view.user not in (None, device.user):
            count_refusal(recommender, "other-user")
            raise Problem(403, "The token is for another user or recommender.", "other-user")
        spend(recommender, device.user, REQUESTS, 1, timezone.now())
        return True
