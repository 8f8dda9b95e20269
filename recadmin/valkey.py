"""The connection to Valkey: one pool a process and address, used by all."""

from functools import lru_cache

import redis
from django.conf import settings
from redis.backoff import ExponentialWithJitterBackoff
from redis.retry import Retry

CONNECT_TIMEOUT_SECONDS = 2.0
REPLY_TIMEOUT_SECONDS = 10.0
IMPATIENT_SECONDS = 0.25


def connection() -> redis.Redis:
    """A thread-safe client for ``settings.REDIS_URL``.

    It retries for about a second, so that a restart of the server goes unnoticed; what is sent
    through it must therefore be safe to send twice.
    """
    return _client(settings.REDIS_URL, REPLY_TIMEOUT_SECONDS, retries=4)


def impatient(seconds: float = IMPATIENT_SECONDS) -> redis.Redis:
    """The same for what can do without the answer: it gives up after so many seconds."""
    return _client(settings.REDIS_URL, seconds, retries=0)


@lru_cache(maxsize=8)
def _client(url: str, reply_timeout_seconds: float, retries: int) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        socket_connect_timeout=min(CONNECT_TIMEOUT_SECONDS, reply_timeout_seconds),
        socket_timeout=reply_timeout_seconds,
        retry=Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), retries=retries),
    )
