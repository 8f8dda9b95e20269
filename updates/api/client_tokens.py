"""Who sends this device's token, and what may it do?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from updates.api.permissions import RolePermission
from updates.api.problems import Problem
from updates.flows.client_token import BadToken, TokenOwner, read
from updates.flows.refresh_user import count_refusal, spend
from updates.models import Recommender
from updates.samples.devices import REQUESTS

KEYWORD = "Client"


@dataclass(frozen=True)
class Device:
    """Stands where views look for a person: the device of the token's owner."""

    owner: TokenOwner
    is_authenticated = True
    is_active = True
    pk = None


class ClientTokenAuthentication(BaseAuthentication):
    """``Authorization: Client …``."""

    def authenticate(self, request: Request) -> tuple[Any, str] | None:
        keyword, _, token = get_authorization_header(request).decode("latin-1").partition(" ")
        if keyword != KEYWORD:
            return None
        try:
            return Device(read(token.strip())), token
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
        if not isinstance(request.user, Device):
            return RolePermission().has_permission(request, view)
        owner, recommender = request.user.owner, view.recommender
        if owner.recommender_id != recommender.pk or view.user not in (None, owner.user):
            count_refusal(recommender, "other-user")
            raise Problem(403, "The token is for another user or recommender.", "other-user")
        spend(recommender, owner.user, REQUESTS, 1, timezone.now())
        return True
