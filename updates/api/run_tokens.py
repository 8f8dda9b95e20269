"""Who sends a run's token, and what may it do?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.settings import api_settings
from rest_framework.views import APIView

from updates.api.permissions import RolePermission
from updates.api.problems import Problem
from updates.flows.external.tokens import PREFIX, BadToken, read
from updates.models import UpdateRun

KEYWORD = "Token"


@dataclass(frozen=True)
class Trainer:
    """Stands where views look for a person: the command of one attempt at a run."""

    run: UpdateRun
    is_authenticated = True
    is_active = True

    @property
    def pk(self) -> str:
        """What its requests are counted under."""
        return f"run-{self.run.pk}"


class RunTokenAuthentication(BaseAuthentication):
    """``Authorization: Token run.…``; other tokens are left to others."""

    def authenticate(self, request: Request) -> tuple[Any, str] | None:
        keyword, _, token = get_authorization_header(request).decode("latin-1").partition(" ")
        if keyword != KEYWORD or not token.startswith(PREFIX):
            return None
        try:
            return Trainer(read(token.strip())), token
        except BadToken as error:
            raise AuthenticationFailed(str(error)) from error

    def authenticate_header(self, request: Request) -> str:
        return KEYWORD


# Of views that runs' tokens open, too.
AUTHENTICATION = [RunTokenAuthentication, *api_settings.DEFAULT_AUTHENTICATION_CLASSES]


class OwnRunOrRole(BasePermission):
    """A run's token opens what is of that run; people and their tokens what their role allows."""

    others: type[BasePermission] = RolePermission

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not isinstance(request.user, Trainer):
            return self.others().has_permission(request, view)
        run, kwargs = request.user.run, view.kwargs
        own = kwargs.get("pk", run.pk) == run.pk
        if not own or kwargs.get("slug", run.recommender.slug) != run.recommender.slug:
            raise Problem(403, "The token is for another run.", "other-run")
        return True
