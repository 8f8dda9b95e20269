"""Who sends this token, and how much may it do?

A token may be made for less than its user may do. Its role is its first word, before the ``_``:
the whole token is hashed, so that whoever changes the word has no token any more.
"""

from datetime import timedelta
from typing import Any

from django.utils import timezone
from knox import auth
from knox.models import AbstractAuthToken, get_token_model
from knox.settings import knox_settings


def create_token(user: Any, role: str = "", lives: timedelta | None = None) -> tuple[Any, str]:
    """A token of that user, as kept and as sent: the latter is nowhere kept.

    role : the most that it may do; "" for all that its user may. lives : None for TOKEN_TTL.
    """
    prefix = f"{role}_" if role else ""
    expiry = knox_settings.TOKEN_TTL if lives is None else lives
    made: tuple[Any, str] = get_token_model().objects.create(user, expiry, prefix)
    return made


class TokenAuthentication(auth.TokenAuthentication):
    """Reads the token that came and no other of its user's.

    knox reads them all at each request, to delete those that have expired; here that is done when
    the user gets a new one. So a request costs the same, however many tokens its user has.
    """

    def validate_user(self, auth_token: AbstractAuthToken) -> tuple[Any, AbstractAuthToken]:
        user, _ = super().validate_user(auth_token)
        word, underscore, _ = auth_token.token_key.partition("_")
        if underscore:
            user.at_most = word
        return user, auth_token

    def _cleanup_token(self, auth_token: AbstractAuthToken) -> bool:
        """Whether the token has expired; it is then deleted."""
        expired = auth_token.expiry is not None and auth_token.expiry < timezone.now()
        if expired:
            auth_token.delete()
        return expired
