"""Is the process alive, and can it do its work."""

from __future__ import annotations

import threading
from datetime import datetime
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from recadmin.checks import Finding, run_checks

# Without these a request to this process fails. What else is amiss would be so in any other too,
# and its pages are where that is seen: it goes on getting traffic.
ESSENTIAL = ("database", "migrations", "valkey")
WORDS = {True: "ok", False: "failed", None: "unknown"}


@require_safe
def alive(request: HttpRequest) -> JsonResponse:
    """The process answers; nothing else is asked."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Every check by name; 503 where one fails without which this process can do nothing."""
    findings = run_checks()
    now = timezone.now()
    checks = {name: _line(name, found, now) for name, found in findings.items()}
    usable = all(findings[name].ok for name in ESSENTIAL)
    fine = all(found.ok for found in findings.values())
    status = "ok" if fine else "degraded" if usable else "unavailable"
    return JsonResponse(
        {"status": status, "checks": checks},
        status=200 if usable else 503,
        headers={"Cache-Control": "no-store"},
        json_dumps_params={"indent": 1, "ensure_ascii": False},
    )


def _line(name: str, found: Finding, now: datetime) -> dict[str, Any]:
    since = found.since or _history.since(name, found.ok, now)
    return {
        "status": WORDS[found.ok],
        "since": since,
        "seconds": round((now - since).total_seconds(), 1),
        "said": found.said,
        "do": found.todo,
    }


class _History:
    """Since when each check says what it says, as far as this process was asked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._first: dict[str, tuple[bool | None, datetime]] = {}

    def since(self, name: str, ok: bool | None, now: datetime) -> datetime:
        with self._lock:
            known = self._first.get(name)
            if known is None or known[0] != ok:
                known = self._first[name] = (ok, now)
            return known[1]


_history = _History()
