"""A client of a running server, on the standard library only."""

from __future__ import annotations

import http.client
import json
from collections.abc import Mapping
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 60.0


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


class CallFailed(RuntimeError):
    """The API refused; ``answer`` is what it said."""

    def __init__(self, method: str, path: str, answer: Answer) -> None:
        super().__init__(f"{method} {path}: {answer.status} {answer.body.decode()[:2000]}")
        self.answer = answer


class ApiClient:
    """For one thread: ``request`` keeps its connection until it is closed, ``call`` does not."""

    def __init__(self, url: str, token: str = "") -> None:
        self.url = url
        self.headers = {"Authorization": f"Token {token}"} if token else {}
        address = urlsplit(url)
        self._connection = http.client.HTTPConnection(
            address.hostname or "", address.port, timeout=TIMEOUT_SECONDS
        )

    @classmethod
    def log_in(cls, url: str, username: str, password: str) -> Self:
        """With a new token for a name and password."""
        return cls(url, cls.token(url, username, password))

    @classmethod
    def token(cls, url: str, username: str, password: str) -> str:
        """A new token for a name and password."""
        credentials = {"username": username, "password": password}
        return str(cls(url).call("POST", "auth/token", credentials)["token"])

    def another(self) -> ApiClient:
        """The same right on a connection of its own."""
        copy = ApiClient(self.url)
        copy.headers = self.headers
        return copy

    def request(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Whatever is answered; the connection stays open for the next request."""
        try:
            self._connection.request(method, path, body, {**self.headers, **(headers or {})})
            response = self._connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        except (OSError, http.client.HTTPException):
            self.close()
            raise

    def call(self, method: str, path: str, value: Any = None) -> Any:
        """JSON to and from an address below ``/api/v1/``; raises CallFailed."""
        body = b"" if value is None else json.dumps(value).encode()
        with self:
            answer = self.request(
                method, f"/api/v1/{path}", body, {"Content-Type": "application/json"}
            )
        if answer.status >= 400:
            raise CallFailed(method, path, answer)
        return json.loads(answer.body) if answer.body else None

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
