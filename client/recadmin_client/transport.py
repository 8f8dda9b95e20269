"""HTTP: one call, repeated where that is safe; answers of 4xx and 5xx as exceptions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

import httpx

from recadmin_client import retries
from recadmin_client.errors import Problem, UnexpectedAnswer, Unreachable, problem
from recadmin_client.forks import in_forked_child
from recadmin_client.retries import PASSING, Retries, passes, retry_after_seconds
from recadmin_client.rows import to_json

V1 = "/api/v1/"
JSON = "application/json"


class Transport:
    """Calls of one server with one token; safe for threads, as httpx.Client is,
    and for fork: a child has connections of its own.

    Every call made through it may be repeated without doing a thing twice: it reads, or carries an
    ``Idempotency-Key`` or a ``Batch-Id`` that stays the same, or puts what is named by its content,
    or reports under the number of an attempt.
    """

    def __init__(
        self,
        url: str,
        token: str,
        retry: Retries,
        timeout_seconds: float,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self.retry = retry
        self._token = token
        self._timeout_seconds = timeout_seconds
        self._transport = transport
        self._connect()
        in_forked_child(self._connect)

    def patient(self, retry: Retries) -> Transport:
        """The same server and token on connections of its own, with other patience."""
        return Transport(self.url, self._token, retry, self._timeout_seconds, self._transport)

    def _connect(self) -> None:
        # Also in a forked child: connections are the parent's, and two must not write on one.
        # Redirects are not followed: the token is for this server and for no other.
        self._http = httpx.Client(
            base_url=self.url + V1,
            headers={"Authorization": f"Token {self._token}"},
            timeout=self._timeout_seconds,
            transport=self._transport,
        )

    def get(self, path: str, **query: Any) -> Any:
        """The JSON at an address below ``/api/v1/``; parameters that are None are left out."""
        asked = {name: value for name, value in query.items() if value is not None}
        return self.json("GET", path, params=asked)

    def post(self, path: str, value: Mapping[str, Any], *, once: bool = True) -> Any:
        """Send JSON, read JSON; members that are None are left out.

        once : whether it changes something that a repetition must not change again.
        """
        given = {name: member for name, member in value.items() if member is not None}
        headers = {"Content-Type": JSON}
        if once:
            headers["Idempotency-Key"] = uuid4().hex
        return self.json("POST", path, content=to_json(given), headers=headers)

    def pages(self, path: str, **query: Any) -> Iterator[Any]:
        """The rows of a list, asked for page by page as they are needed."""
        cursor = None
        while True:
            page = self.get(path, cursor=cursor, **query)
            yield from page["results"]
            # Of the next page's address only the cursor: its host is what a proxy made of ours.
            cursor = page["next"] and httpx.URL(page["next"]).params.get("cursor")
            if not cursor:
                return

    def json(self, method: str, path: str, **call: Any) -> Any:
        """The JSON that a call is answered with; see ``call``."""
        answer = self.call(method, path, **call)
        try:
            return answer.json()
        except ValueError as error:
            raise UnexpectedAnswer(f"{answer.url} answered something other than JSON") from error

    def call(
        self,
        method: str,
        path: str,
        *,
        content: bytes | Path | None = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """One call and its repetitions; a file is read anew for each.

        Raises Problem, Unreachable or UnexpectedAnswer.
        """
        pauses = self.retry.pauses()
        while True:
            failure: Problem | Unreachable
            least = 0.0
            try:
                with _opened(content) as body:
                    return _checked(
                        self._http.request(
                            method, path, content=body, params=params, headers=headers
                        )
                    )
            except httpx.TransportError as error:
                failure, again = Unreachable(f"{method} {self.url}: {error}"), passes(error)
                failure.__cause__ = error
            except Problem as refused:
                failure, again = refused, refused.status in PASSING
                least = refused.retry_after_seconds or 0.0
            pause = next(pauses, None) if again else None
            if pause is None or least > self.retry.longest_seconds:
                raise failure
            retries.wait(max(pause, least))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()


@contextmanager
def _opened(content: bytes | Path | None) -> Iterator[bytes | BinaryIO | None]:
    if isinstance(content, Path):
        with content.open("rb") as file:
            yield file
    else:
        yield content


def _checked(answer: httpx.Response) -> httpx.Response:
    """The answer, if it is a good one; its body has been read."""
    if answer.is_success:
        return answer
    if answer.is_error:
        try:
            body = answer.json()
        except ValueError:
            body = None
        raise problem(answer.status_code, body, retry_after_seconds(answer))
    where = answer.headers.get("Location", "")
    raise UnexpectedAnswer(f"{answer.url} answered {answer.status_code} {where}".rstrip())
