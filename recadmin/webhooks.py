"""Signed messages to servers of other teams, and nowhere that these may not lead.

Signed as Standard Webhooks has it (https://github.com/standard-webhooks/standard-webhooks, 1.0.0),
so that any of its libraries verifies them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import socket
import ssl
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit, urlunsplit

from django.conf import settings

from recadmin.outgoing import is_public

PORTS = {"http": 80, "https": 443}
LONGEST_URL = 500
SECRET_PREFIX = "whsec_"  # noqa: S105 - how secrets of the scheme begin


class BadUrl(ValueError):
    """No address that a message could be sent to."""


class NotDelivered(RuntimeError):
    """The receiver has not taken the message; says why. ``status``: what it answered, if it did."""

    def __init__(self, why: str, status: int | None = None) -> None:
        super().__init__(why)
        self.status = status


class NotAllowed(NotDelivered):
    """The receiver's address is one that nothing is sent to."""


@dataclass(frozen=True)
class Receiver:
    """Where a message goes: ``path`` with the query, ``host`` without brackets."""

    secure: bool
    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, url: str) -> Receiver:
        """Raises BadUrl."""
        if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
            raise BadUrl(f"Must have at most {LONGEST_URL} characters of ASCII, without spaces.")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise BadUrl(f"Is no address: {error}.") from error
        if parts.scheme not in PORTS or not parts.hostname:
            raise BadUrl("Must begin with https:// or http:// and name a host.")
        if parts.username is not None or parts.fragment:
            raise BadUrl("May have neither a user and password nor a fragment.")
        path = urlunsplit(("", "", parts.path or "/", parts.query, ""))
        return cls(parts.scheme == "https", parts.hostname, port or PORTS[parts.scheme], path)

    @property
    def name(self) -> str:
        """As the header ``Host`` has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return (
            host
            if self.port == PORTS["https" if self.secure else "http"]
            else (f"{host}:{self.port}")
        )


def secret_text(key: bytes) -> str:
    """A key as people copy it to a receiver."""
    return SECRET_PREFIX + base64.b64encode(key).decode()


def signed(message_id: str, sent_at: int, body: bytes, keys: Sequence[bytes]) -> dict[str, str]:
    """The headers that tell a receiver who sent the body and when.

    sent_at : seconds since 1970. keys : one signature each; a receiver that knows one of them is
    satisfied, so that a key can be changed without a break.
    """
    content = f"{message_id}.{sent_at}.".encode() + body
    signatures = (hmac.digest(key, content, hashlib.sha256) for key in keys)
    return {
        "Webhook-Id": message_id,
        "Webhook-Timestamp": str(sent_at),
        "Webhook-Signature": " ".join(f"v1,{base64.b64encode(s).decode()}" for s in signatures),
    }


def post(url: str, body: bytes, headers: Mapping[str, str], *, seconds: float) -> None:
    """Send JSON. Raises BadUrl, NotDelivered.

    The name is resolved once, and a connection made to an address that was looked at: public, or
    in one of the networks of RECADMIN_OUTBOUND_ALLOW. No redirect is followed, no proxy asked and
    nothing read of the answer but its status. seconds : for the connection, and for the rest.
    """
    receiver = Receiver.parse(url)
    headers = {**headers, "Host": receiver.name, "Content-Type": "application/json"}
    try:
        with _connected(receiver, seconds) as connection:
            status = _exchange(connection, receiver, body, headers, seconds)
    except (OSError, http.client.HTTPException) as error:
        raise NotDelivered(f"It did not answer: {_why(error)}.") from error
    if not 200 <= status < 300:
        redirect = ", a redirect, which is not followed" if 300 <= status < 400 else ""
        raise NotDelivered(f"It answered {status}{redirect}.", status)


def _exchange(
    raw: socket.socket,
    receiver: Receiver,
    body: bytes,
    headers: Mapping[str, str],
    seconds: float,
) -> int:
    """The status that is answered; the socket is cut when it takes longer, however it drips."""
    late = threading.Event()

    def cut() -> None:
        late.set()
        with suppress(OSError):
            raw.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.start()
    connection = http.client.HTTPConnection(receiver.host, receiver.port)
    connection.sock = raw
    try:
        if isinstance(raw, ssl.SSLSocket):
            raw.do_handshake()
        connection.request("POST", receiver.path, body, headers)
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        if late.is_set():
            raise TimeoutError from error
        raise
    finally:
        timer.cancel()
    # What was cut off in the middle of its headers looks like an answer.
    if late.is_set():
        raise TimeoutError
    return status


def _connected(receiver: Receiver, seconds: float) -> socket.socket:
    found = socket.getaddrinfo(receiver.host, receiver.port, type=socket.SOCK_STREAM)
    allowed = [where[:2] for *_, where in found if _is_allowed(where)]
    if not allowed:
        raise NotAllowed("Its address is a private one: see RECADMIN_OUTBOUND_ALLOW.")
    raw = socket.create_connection(allowed[0], timeout=seconds)
    if not receiver.secure:
        return raw
    context = ssl.create_default_context()
    return context.wrap_socket(raw, server_hostname=receiver.host, do_handshake_on_connect=False)


def _why(error: OSError | http.client.HTTPException) -> str:
    """Nothing of what was read: a server that speaks something else may say it in its errors."""
    if isinstance(error, TimeoutError):
        return "that took too long"
    return getattr(error, "strerror", None) or type(error).__name__


def _is_allowed(where: tuple[str, int] | tuple[str, int, int, int]) -> bool:
    if is_public(where):
        return True
    ip = ip_address(where[0].partition("%")[0])
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return any(ip in network for network in settings.RECADMIN_OUTBOUND_ALLOW)
