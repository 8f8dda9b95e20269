"""Requests that recadmin sends to others, signed so that they know whom it is from and when.

The signature is the HMAC-SHA-256, in hex, over the time, a full stop and the body; a receiver
refuses what is older than a few minutes, so that nobody can send it again.
"""

from __future__ import annotations

import hashlib
import hmac

from django.utils.crypto import salted_hmac

TIMESTAMP, SIGNATURE = "Recadmin-Timestamp", "Recadmin-Signature"
SALT = "recadmin.signing"


def secret_of(slug: str, number: int) -> str:
    """What a recommender's requests are signed with: derived from SECRET_KEY, so that it is nowhere
    kept; another number gives another one."""
    return salted_hmac(SALT, f"{slug}/{number}", algorithm="sha256").hexdigest()


def headers(secret: str, body: bytes, timestamp: int) -> dict[str, str]:
    """What goes with the body; ``timestamp`` in seconds since 1970."""
    return {TIMESTAMP: str(timestamp), SIGNATURE: f"v1={signature(secret, body, timestamp)}"}


def signature(secret: str, body: bytes, timestamp: int) -> str:
    """HMAC-SHA-256 in hex."""
    signed = str(timestamp).encode() + b"." + body
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
