"""Idempotency-Key: a request sent again is answered with the first answer, and acts once."""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework.exceptions import ValidationError
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from updates.api.problems import Problem
from updates.models import IdempotentRequest

HEADER = "Idempotency-Key"
LONGEST_KEY = 200
KEPT_HOURS = 24
Handler = Callable[..., Response]


def idempotent(handler: Handler) -> Handler:
    """Have a handler honour the Idempotency-Key header, where the client sends one.

    Key, effect and answer are stored in one transaction: a retry finds all or nothing, and of two
    at once the second waits in the database for the first. A request that was refused had no
    effect and is not remembered; the same key may then try again. Keys are kept for KEPT_HOURS.
    """

    @wraps(handler)
    def answer_once(view: APIView, request: Request, *args: Any, **kwargs: Any) -> Response:
        key = request.headers.get(HEADER)
        if key is None:
            return handler(view, request, *args, **kwargs)
        wanted = {"user": request.user, "key": _checked(key)}
        fingerprint = _fingerprint(request)
        expired = timezone.now() - timedelta(hours=KEPT_HOURS)
        if stored := IdempotentRequest.objects.filter(**wanted, created_at__gt=expired).first():
            return _again(stored, fingerprint)
        try:
            with transaction.atomic():
                _forget(request.user, expired)
                stored = IdempotentRequest.objects.create(**wanted, fingerprint=fingerprint)
                response = handler(view, request, *args, **kwargs)
                _store(stored, response)
        except IntegrityError:
            # Another request with this key was first; where none was, the error is the handler's.
            stored = IdempotentRequest.objects.filter(**wanted).first()
            if stored is None:
                raise
            return _again(stored, fingerprint)
        return response

    answer_once.idempotent = True
    return answer_once


def _forget(user: Any, expired: datetime) -> None:
    IdempotentRequest.objects.filter(user=user, created_at__lte=expired).delete()


def _checked(key: str) -> str:
    if not 1 <= len(key) <= LONGEST_KEY or not key.isprintable():
        allowed = f"Must have 1 to {LONGEST_KEY} printable characters."
        raise ValidationError({HEADER: allowed})
    return key


def _fingerprint(request: Request) -> str:
    body = json.dumps(request.data, sort_keys=True)
    return hashlib.sha256(f"{request.method} {request.path}\n{body}".encode()).hexdigest()


def _store(stored: IdempotentRequest, response: Response) -> None:
    stored.status = response.status_code
    stored.location = response.headers.get("Location", "")
    stored.body = json.loads(JSONRenderer().render(response.data))
    stored.save(update_fields=["status", "location", "body"])


def _again(stored: IdempotentRequest, fingerprint: str) -> Response:
    if stored.fingerprint != fingerprint:
        detail = "This key came with another request; use a new key for each request."
        raise Problem(422, detail, "key-reused", errors=[{"field": HEADER, "error": detail}])
    headers = {"Location": stored.location} if stored.location else {}
    return Response(stored.body, status=stored.status, headers=headers)
