"""Who sends this token?"""

from django.utils import timezone
from knox import auth
from knox.models import AbstractAuthToken


class TokenAuthentication(auth.TokenAuthentication):
    """Reads the token that came and no other of its user's.

    knox reads them all at each request, to delete those that have expired; here that is done when
    the user gets a new one. So a request costs the same, however many tokens its user has.
    """

    def _cleanup_token(self, auth_token: AbstractAuthToken) -> bool:
        """Whether the token has expired; it is then deleted."""
        expired = auth_token.expiry is not None and auth_token.expiry < timezone.now()
        if expired:
            auth_token.delete()
        return expired
