"""Is the process alive, and can it do its work."""

import logging
from collections.abc import Callable

import redis
from django.db import Error, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from recadmin import valkey

logger = logging.getLogger(__name__)


@require_safe
def alive(request: HttpRequest) -> JsonResponse:
    """The process answers; nothing else is asked."""
    return JsonResponse({"status": "ok"})


@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 where the database and Valkey answer now; else 503 and which does not."""
    answers = {name: _try(check) for name, check in CHECKS.items()}
    fine = set(answers.values()) == {"ok"}
    return JsonResponse(
        {"status": "ok" if fine else "unavailable", **answers}, status=200 if fine else 503
    )


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM updates_recommender LIMIT 1")


def _valkey() -> None:
    valkey.connection().ping()


CHECKS: dict[str, Callable[[], None]] = {"database": _database, "valkey": _valkey}


def _try(check: Callable[[], None]) -> str:
    try:
        check()
    except (Error, redis.RedisError, OSError) as error:
        logger.warning("not ready: %s", error)
        return "unavailable"
    return "ok"
