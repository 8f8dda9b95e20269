"""What can go wrong, as exceptions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any


class RecadminError(Exception):
    """All that this package raises on purpose, but for ValueError of a caller's mistake."""


class Unreachable(RecadminError):
    """Nothing answered, in as many attempts as were allowed."""


class UnexpectedAnswer(RecadminError):
    """What answered does not speak as recadmin does: a proxy, another address, another version."""


class Cancelled(RecadminError):
    """The run was cancelled: stop training; there is nothing to report."""


class StillRunning(RecadminError):
    """The update had not ended within the time that it was waited for; it goes on."""


class SpoolFull(RecadminError):
    """The row was not taken: the spool holds as many bytes as it may."""


@dataclass(frozen=True)
class FieldError:
    """One thing that is wrong with a request.

    field : dotted path, "" for the whole. row : 0-based number where rows were sent, else None.
    """

    field: str
    error: str
    row: int | None = None


class Problem(RecadminError):
    """The server refused (RFC 9457).

    status : of HTTP. kind : what tells problems of one status apart, such as ``writer-busy``; ""
    where the status says it all. detail : a sentence. errors : the fields or rows at fault.
    more : further members, such as ``run``, the address of the run that is in the way.
    retry_after_seconds : when to come again, where the server said so.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        kind: str = "",
        errors: tuple[FieldError, ...] = (),
        more: Mapping[str, Any] | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.kind = kind
        self.errors = errors
        self.more = dict(more or {})
        self.retry_after_seconds = retry_after_seconds

    def __str__(self) -> str:
        return f"{self.status}: {self.detail}"


class Invalid(Problem):
    """400, 413, 415 or 422: the request itself is wrong; ``errors`` says where."""


class NotAuthenticated(Problem):
    """401: no token, or one that is wrong or has expired."""


class Forbidden(Problem):
    """403: the token's role does not allow it."""


class NotFound(Problem):
    """404: there is no such recommender, version or run."""


class Conflict(Problem):
    """409: not in the present state; ``kind`` says why."""


class AttemptOver(Conflict):
    """409 to the report of a run: it is over, or another attempt has taken it. Stop training."""


class TooMany(Problem):
    """429: more than one account may do; ``retry_after_seconds`` says when to come again."""


class ServerFailed(Problem):
    """5xx: the server failed, or a part of it does not answer."""


KINDS: dict[int, type[Problem]] = {
    400: Invalid,
    401: NotAuthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: Invalid,
    415: Invalid,
    422: Invalid,
    429: TooMany,
}
ATTEMPT_OVER = "attempt-over"
# Members of a problem that have attributes of their own, or say nothing new.
KNOWN = {"type", "title", "status", "detail", "instance", "errors"}


def problem(status: int, body: Any, retry_after_seconds: float | None) -> Problem:
    """The exception for an answer of 4xx or 5xx; ``body`` is its JSON, None where it has none."""
    shape = KINDS.get(status, Problem)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        shape = ServerFailed
    if not isinstance(body, Mapping):
        return shape(status, _phrase(status), retry_after_seconds=retry_after_seconds)
    kind = str(body.get("type", "")).partition("#")[2]
    if kind == ATTEMPT_OVER:
        shape = AttemptOver
    errors = tuple(
        FieldError(str(error.get("field", "")), str(error.get("error", "")), error.get("row"))
        for error in body.get("errors", ())
    )
    return shape(
        status,
        str(body.get("detail") or body.get("title") or _phrase(status)),
        kind=kind,
        errors=errors,
        more={name: value for name, value in body.items() if name not in KNOWN},
        retry_after_seconds=retry_after_seconds,
    )


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "refused"
