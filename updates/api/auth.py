"""The answer to who has failed to log in too often."""

from typing import Any

from axes.helpers import get_cool_off
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from updates.api.problems import Problem, plain_response

TOO_MANY_REQUESTS = 429


def locked_out(
    request: HttpRequest, response: HttpResponse | None, credentials: dict[str, Any] | None
) -> HttpResponse:
    """A problem for clients of the API, a sentence for people (called by axes)."""
    wait = get_cool_off(request)
    if not request.path.startswith("/api/"):
        context = {"failures": settings.AXES_FAILURE_LIMIT, "wait": wait}
        return render(request, "registration/locked.html", context, status=TOO_MANY_REQUESTS)
    headers = {"Retry-After": str(int(wait.total_seconds()))} if wait else {}
    detail = "Too many failed attempts with this name from this address; wait before the next."
    return plain_response(
        Problem(TOO_MANY_REQUESTS, detail, "locked-out", headers=headers), request
    )
