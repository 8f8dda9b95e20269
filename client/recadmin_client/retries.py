"""When a call is tried again, and after how long."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

# What passes by itself: too many requests, a proxy without a server, a restart, an overload.
PASSING = frozenset({429, 502, 503, 504})


@dataclass(frozen=True)
class Retries:
    """How often and how patiently a call is repeated.

    attempts : in all, the first one included. first_seconds : the longest wait before the second;
    it doubles with each. longest_seconds : of any wait; where the server asks for more by
    ``Retry-After``, the call is not repeated and the caller decides.

    Each wait is drawn between 0 and its longest (“full jitter”, Brooker 2015, AWS Architecture
    Blog), so that clients who failed together do not come back together.
    """

    attempts: int = 5
    first_seconds: float = 0.2
    longest_seconds: float = 20.0

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError(f"attempts must be at least 1, got {self.attempts}")

    def pause(self, number: int) -> float:
        """Seconds to wait before repetition ``number``, from 0 on."""
        longest = min(self.longest_seconds, self.first_seconds * 2 ** min(number, 30))
        return random.uniform(0, longest)  # noqa: S311 - no secret

    def pauses(self) -> Iterator[float]:
        """Seconds to wait before each repetition; ends with the attempts."""
        return map(self.pause, range(self.attempts - 1))


def passes(error: httpx.TransportError) -> bool:
    """Whether the same request may succeed later: not where it is wrong in itself."""
    return not isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError)


def retry_after_seconds(response: httpx.Response) -> float | None:
    """What ``Retry-After`` says, in seconds from now; None where it is missing or unreadable."""
    value = response.headers.get("Retry-After", "")
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        at = parsedate_to_datetime(value)
    except ValueError:
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(0.0, (at - datetime.now(UTC)).total_seconds())


def wait(seconds: float) -> None:
    """Wait; one place, so that tests need not."""
    time.sleep(seconds)
