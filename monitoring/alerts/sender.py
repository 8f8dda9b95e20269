"""One message through Apprise, and nowhere that it may not go. Imports no model.

Apprise logs addresses, with the secrets in them, when something is wrong: its log is off
(``settings.LOGGING``).
"""

from __future__ import annotations

import ipaddress
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings


class NotDelivered(RuntimeError):
    """The receiver has not taken the message; says why as far as is known, without the address."""


def service_of(address: str) -> str:
    """Name of the service of an address; "" where Apprise does not understand it."""
    plugin = _plugin(address)
    return str(plugin.service_name) if plugin else ""


def send(address: str, title: str, body: str, kind: str) -> None:
    """Send now; a receiver that does not answer costs some eight seconds. Raises NotDelivered.

    kind : failure, warning, info or success, which services show as they can.
    """
    plugin = _plugin(address)
    if plugin is None:
        raise NotDelivered("Apprise does not understand the address.")
    with _public_only():
        taken = plugin.notify(title=title, body=body, notify_type=kind)
        refused = _guard.refused
    if refused:
        raise NotDelivered("Its address is a private one: see ALERT_PRIVATE_ADDRESSES.")
    if not taken:
        raise NotDelivered("The receiver did not answer, or did not take it.")


def _plugin(address: str) -> Any:
    # It takes 36 MB and half a second, which only processes that send need.
    import apprise

    # A redirect could lead elsewhere than the address that was configured.
    asset = apprise.AppriseAsset(app_id="recadmin", app_desc="recadmin", http_redirects=False)
    return apprise.Apprise.instantiate(address, asset=asset, suppress_exceptions=True)


class _Guard(threading.local):
    """Of this thread: whether it may connect to public addresses only, and whether it tried."""

    on = False
    refused = False


_guard = _Guard()


@contextmanager
def _public_only() -> Iterator[None]:
    """Within it this thread connects to no address that is not public, unless settings allow it.

    Looked at when a socket connects, so that no name that resolves to another address the second
    time, no redirect and no service of its own protocol gets around it.
    """
    _guard.on, _guard.refused = not settings.ALERT_PRIVATE_ADDRESSES, False
    try:
        yield
    finally:
        _guard.on = False


def _watch(event: str, args: tuple[Any, ...]) -> None:
    if event == "socket.connect" and _guard.on and not _is_public(args[1]):
        _guard.refused = True
        raise PermissionError("not a public address")


def _is_public(address: Any) -> bool:
    # A string is a Unix socket.
    if not isinstance(address, tuple):
        return False
    try:
        ip = ipaddress.ip_address(address[0].partition("%")[0])
    except ValueError:
        return False
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return ip.is_global and not ip.is_multicast


sys.addaudithook(_watch)
