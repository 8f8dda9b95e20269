"""The answer to who has failed to log in too often."""

from typing import Any

from axes.helpers import get_cool_off, get_lockout_message
from django.http import HttpRequest, HttpResponse

from updates.api.problems import Problem, plain_response

TOO_MANY_REQUESTS = 429


def locked_out(
    request: HttpRequest, response: HttpResponse | None, credentials: dict[str, Any] | None
) -> HttpResponse:
    """A problem for clients of the API, a sentence for people (called by axes)."""
    if not request.path.startswith("/api/"):
        return HttpResponse(get_lockout_message(), status=TOO_MANY_REQUESTS)
    wait = get_cool_off(request)
    headers = {"Retry-After": str(int(wait.total_seconds()))} if wait else {}
    detail = "Too many failed attempts with this name from this address; wait before the next."
    return plain_response(
        Problem(TOO_MANY_REQUESTS, detail, "locked-out", headers=headers), request
    )
