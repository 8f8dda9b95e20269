"""Who sends this server's token, and what may it do?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from updates.api.permissions import RolePermission
from updates.api.problems import Problem
from updates.api.views.base import OfRecommender
from updates.models import ServingTarget

KEYWORD = "Target"


@dataclass(frozen=True)
class Server:
    """Stands where views look for a person: the server of a target."""

    target: ServingTarget
    is_authenticated = True
    is_active = True
    pk = None


class TargetTokenAuthentication(BaseAuthentication):
    """``Authorization: Target …``."""

    def authenticate(self, request: Request) -> tuple[Any, str] | None:
        keyword, _, token = get_authorization_header(request).decode("latin-1").partition(" ")
        if keyword != KEYWORD:
            return None
        target = ServingTarget.of_token(token.strip(), timezone.now())
        if target is None:
            raise AuthenticationFailed("The token is no server's.")
        return Server(target), token

    def authenticate_header(self, request: Request) -> str:
        return f"Token, {KEYWORD}"


class OwnTargetOrRole(BasePermission):
    """A server may read what is of its recommender and speak for itself; people and their tokens
    what their role allows."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not isinstance(request.user, Server):
            return RolePermission().has_permission(request, view)
        if request.user.target.recommender_id != view.recommender.pk:
            raise Problem(403, "The token is of a server of another recommender.", "other-server")
        return True


class ForServers(OfRecommender):
    """A view that servers may use as well."""

    takes_data = True
    authentication_classes = [
        TargetTokenAuthentication,
        *api_settings.DEFAULT_AUTHENTICATION_CLASSES,
    ]
    permission_classes = [OwnTargetOrRole]

    def speaks_for(self, name: str) -> None:
        """A server speaks for itself alone; raises Problem."""
        sender = self.request.user
        if isinstance(sender, Server) and sender.target.name != name:
            raise Problem(403, f"The token is of {sender.target.name}.", "other-server")
