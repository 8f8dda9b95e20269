"""Keeps what this process sends from going where it may not: to addresses that are not public.

Looked at when a socket connects, so that no name that resolves to another address the second time,
no redirect and no protocol of its own gets around it.
"""

from __future__ import annotations

import ipaddress
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class _Guard(threading.local):
    """Of this thread: whether it may connect to public addresses only, and whether it tried."""

    on = False
    refused = False


_guard = _Guard()


@contextmanager
def public_only(*, unless: bool) -> Iterator[Callable[[], bool]]:
    """Within it this thread connects to no address that is not public, unless that is allowed.

    Gives a function that says whether a connection was refused, with PermissionError.
    """
    _guard.on, _guard.refused = not unless, False
    try:
        yield lambda: _guard.refused
    finally:
        _guard.on = False


def _watch(event: str, args: tuple[Any, ...]) -> None:
    if event == "socket.connect" and _guard.on and not is_public(args[1]):
        _guard.refused = True
        raise PermissionError("not a public address")


def is_public(address: Any) -> bool:
    """Whether an address, as ``socket.connect`` takes it, is one of the public internet."""
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
