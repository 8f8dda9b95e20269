"""How often one account may change something: enough for work, too little to fill a queue."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import redis
from django.conf import settings
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from recadmin.valkey import impatient

if TYPE_CHECKING:
    # rest_framework.views imports this module while it is being imported itself.
    from rest_framework.views import APIView

logger = logging.getLogger(__name__)

WINDOW_SECONDS = 60


def counts(method: str, view: APIView) -> bool:
    """Whether a request to that view is a change."""
    return method not in SAFE_METHODS and not getattr(view, "takes_data", False)


class Changes(BaseThrottle):
    """So many requests a minute and account that are not just reading, over all web processes.

    Views that take data or answer scores, ``takes_data``, are left out: they have limits of their
    own, in bytes and by user. Where Valkey does not answer, nobody is kept from operating.
    """

    def allow_request(self, request: Request, view: APIView) -> bool:
        """Whether it may go on."""
        if not counts(request.method, view) or not request.user.is_authenticated:
            return True
        window = int(time.time()) // WINDOW_SECONDS
        key = f"recadmin:changes:{request.user.pk}:{window}"
        try:
            with impatient().pipeline(transaction=False) as pipeline:
                pipeline.incr(key)
                pipeline.expire(key, WINDOW_SECONDS)
                count, _ = pipeline.execute()
        except redis.RedisError as error:
            logger.warning("changes are not counted: %s", error)
            return True
        return bool(count <= settings.CHANGES_A_MINUTE)

    def wait(self) -> float:
        """Seconds until the next window."""
        return WINDOW_SECONDS - time.time() % WINDOW_SECONDS
