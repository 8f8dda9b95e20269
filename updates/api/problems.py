"""Errors as problem details (RFC 9457): one exception, one table from exceptions to answers."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import singledispatch
from http import HTTPStatus
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import IntegrityError, OperationalError
from django.db.models import ProtectedError, RestrictedError
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions
from rest_framework.response import Response

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
# What the type of a problem points at: the page that explains the API.
TYPES = "/api/docs/#"
# Problems that a client may want to tell apart though their status is the same.
TITLES = {
    "writer-busy": "Another update is writing",
    "wrong-state": "Not possible in the present state",
    "on-trial": "A version is on trial",
    "taken": "The name is taken",
    "in-use": "Still in use",
    "key-reused": "The Idempotency-Key came with another request",
    "corrupt-artifact": "The version's files are damaged",
    "proof-under-way": "The version is being proved already",
    "not-provable": "The version cannot be learned again",
    "not-explainable": "What the version learned cannot be told",
    "what-if-under-way": "A what-if of the recommender is under way already",
    "not-replayable": "There is nothing to replay by other settings",
    "no-live-version": "Nothing is live",
    "recommends-nothing": "This learner recommends nothing",
    "batch-conflict": "The Batch-Id names another batch",
    "log-unavailable": "The sample log does not answer",
    "shares-log": "It learns another recommender's samples",
    "joiner-full": "Too many impressions are remembered",
    "locked-out": "Too many failed attempts",
    "no-client-policy": "Devices are to send nothing",
    "no-devices": "This learner has nothing for devices",
    "space-moved": "The items have moved to another space",
    "revision-moved": "Another device was faster",
    "implausible-vector": "Nothing leads to that vector",
    "version-conflict": "The name is another version's",
    "follows-predictions": "Its own servers say what is live",
    "trained-here": "recadmin itself trains this model",
    "trained-elsewhere": "recadmin neither trains nor serves this model",
    "not-pulled": "No trainer comes for these runs",
    "nothing-to-learn": "There is nothing to learn",
    "attempt-over": "The attempt is over",
    "checksum-mismatch": "What arrived is not what was sent",
    "other-run": "The token is for another run",
    "other-user": "The token is for another user",
    "other-server": "The token is for another server",
    "too-much": "More than one user may do",
}


@dataclass
class Problem(Exception):
    """An error as the client sees it.

    kind : a key of TITLES, or empty where the status says it all. errors : {field, error, row?} a
    fault. more : further members, e.g. the address of the run that is in the way.
    """

    status: int
    detail: str = ""
    kind: str = ""
    errors: list[dict[str, Any]] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)

    def to_json(self, instance: str) -> dict[str, Any]:
        """The members of the answer; ``instance`` is the path asked for."""
        title = TITLES[self.kind] if self.kind else HTTPStatus(self.status).phrase
        return {
            "type": TYPES + self.kind if self.kind else "about:blank",
            "title": title,
            "status": self.status,
            "detail": self.detail or f"{title}.",
            "instance": instance,
            "errors": self.errors,
            **self.more,
        }


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response:
    """Every exception of an API view as a problem; unforeseen ones are logged and say nothing."""
    problem = describe(error)
    request = context["request"]
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        logger.error("%s %s", request.method, request.path, exc_info=error)
    return Response(
        problem.to_json(request.path),
        status=problem.status,
        headers=problem.headers,
        content_type=CONTENT_TYPE,
    )


def plain_response(problem: Problem, request: HttpRequest) -> JsonResponse:
    """The problem as an answer from outside the API's views (middleware)."""
    return JsonResponse(
        problem.to_json(request.path),
        status=problem.status,
        headers=problem.headers,
        content_type=CONTENT_TYPE,
    )


@singledispatch
def describe(error: Exception) -> Problem:
    """The problem that an exception means; other modules register their exceptions."""
    return Problem(500, "The server failed; the error is in its log.")


def too_long() -> Problem:
    """A body above DATA_UPLOAD_MAX_MEMORY_SIZE."""
    limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    return Problem(413, f"The body must have at most {limit} bytes, also unpacked.")


@describe.register
def _problem(error: Problem) -> Problem:
    return error


@describe.register(Http404)
def _not_found(error: Http404) -> Problem:
    return Problem(404, "There is nothing at this address.")


@describe.register(PermissionDenied)
def _denied(error: PermissionDenied) -> Problem:
    return Problem(403, str(error))


@describe.register(RequestDataTooBig)
def _too_big(error: RequestDataTooBig) -> Problem:
    return too_long()


@describe.register(ProtectedError)
@describe.register(RestrictedError)
def _in_use(error: ProtectedError | RestrictedError) -> Problem:
    return Problem(409, "Other records still refer to it.", "in-use")


@describe.register(IntegrityError)
def _conflict(error: IntegrityError) -> Problem:
    return Problem(409, "Another request has just changed this; read it again and retry.")


@describe.register(OperationalError)
def _database_busy(error: OperationalError) -> Problem:
    return Problem(503, "The database does not answer; retry.", headers={"Retry-After": "1"})


@describe.register(exceptions.APIException)
def _api_exception(error: exceptions.APIException) -> Problem:
    headers = {}
    if challenge := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    return Problem(error.status_code, str(error.detail), headers=headers)


@describe.register(exceptions.Throttled)
def _throttled(error: exceptions.Throttled) -> Problem:
    most = settings.CHANGES_A_MINUTE
    headers = {"Retry-After": str(error.wait)}
    return Problem(
        429, f"At most {most} changes a minute and account.", "too-much", headers=headers
    )


@describe.register(exceptions.ValidationError)
def _invalid(error: exceptions.ValidationError) -> Problem:
    errors = list(_flatten(error.detail))
    detail = "; ".join(f"{e['field']}: {e['error']}" if e["field"] else e["error"] for e in errors)
    return Problem(400, detail, errors=errors)


def _flatten(detail: Any, path: str = "") -> Iterator[dict[str, str]]:
    """The fields at fault by dotted path, from DRF's nested lists and dictionaries."""
    if isinstance(detail, Mapping):
        for key, inner in detail.items():
            own = "" if key == "non_field_errors" else str(key)
            yield from _flatten(inner, ".".join(filter(None, (path, own))))
    elif isinstance(detail, list):
        for inner in detail:
            yield from _flatten(inner, path)
    else:
        yield {"field": path, "error": str(detail)}
