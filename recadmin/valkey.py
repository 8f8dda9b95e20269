"""Connections to Valkey: one pool a process, address and patience, used by all."""

from functools import lru_cache

import redis
from django.conf import settings
from redis.backoff import ExponentialWithJitterBackoff, NoBackoff
from redis.retry import Retry

CONNECT_TIMEOUT_SECONDS = 2.0
REPLY_TIMEOUT_SECONDS = 10.0
IMPATIENT_SECONDS = 1.0


def connection() -> redis.Redis:
    """A thread-safe client for ``settings.REDIS_URL``.

    It retries for about a second, so that a restart of the server goes unnoticed; what is sent
    through it must therefore be safe to send twice.
    """
    return _client(settings.REDIS_URL)


def impatient_connection() -> redis.Redis:
    """As ``connection``, for who asks whether Valkey answers: a second to connect, one for the
    reply, and no second try."""
    return _impatient_client(settings.REDIS_URL)


@lru_cache(maxsize=4)
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        socket_connect_timeout=CONNECT_TIMEOUT_SECONDS,
        socket_timeout=REPLY_TIMEOUT_SECONDS,
        retry=Retry(ExponentialWithJitterBackoff(base=0.05, cap=0.5), retries=4),
    )


@lru_cache(maxsize=4)
def _impatient_client(url: str) -> redis.Redis:
    return redis.Redis.from_url(
        url,
        socket_connect_timeout=IMPATIENT_SECONDS,
        socket_timeout=IMPATIENT_SECONDS,
        retry=Retry(NoBackoff(), retries=0),
    )
