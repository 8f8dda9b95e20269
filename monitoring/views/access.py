"""Who may see or do what on the pages."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django_htmx.http import HttpResponseClientRefresh

from recadmin.roles import ADMIN, OPERATOR, RANK, VIEWER, rank

View = Callable[..., HttpResponse]
REFUSALS = {
    VIEWER: "Your account has no role yet. Ask an administrator to make it a viewer.",
    OPERATOR: "Only operators may do this. Ask an administrator for that role.",
}


def needs(role: str) -> Callable[[View], View]:
    """Let in who has at least that role; others log in, or are told what they lack (403)."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if not request.user.is_authenticated:
                # A fragment that polls must not fill itself with the login page.
                if request.htmx:
                    return HttpResponseClientRefresh()
                return redirect_to_login(request.get_full_path())
            request.rank = rank(request.user)
            if request.rank < RANK[role]:
                raise PermissionDenied(REFUSALS[role])
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def page(
    request: HttpRequest, template: str, context: dict[str, Any], status: int = 200
) -> HttpResponse:
    """Render for the request's user: operators get the controls, admins also what configures."""
    context["can_operate"] = request.rank >= RANK[OPERATOR]
    context["can_configure"] = request.rank >= RANK[ADMIN]
    return render(request, template, context, status=status)
