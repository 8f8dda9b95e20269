"""A token for name and password, and its end."""

from datetime import timedelta

from django.contrib.auth import authenticate
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from knox.models import get_token_model
from knox.settings import knox_settings
from rest_framework import serializers
from rest_framework.generics import GenericAPIView
from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response

from recadmin.roles import RANK
from updates.api.problems import Problem
from updates.api.schema import refuses
from updates.api.serializers.base import Strict
from updates.api.tokens import TokenAuthentication, create_token
from updates.api.views.base import body


class Credentials(Strict):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=4096, trim_whitespace=False)
    role = serializers.ChoiceField(
        list(RANK), required=False, help_text="The most that it may do; left out: all that you may."
    )
    ttl_seconds = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=int(knox_settings.TOKEN_TTL.total_seconds()),
        help_text="It ends after so long; left out: as late as the installation allows.",
    )


class Token(serializers.Serializer):
    """Send it as ``Authorization: Token …``; it is shown this once."""

    token = serializers.CharField()
    expiry = serializers.DateTimeField(allow_null=True)


class TokenView(GenericAPIView):
    """POST needs no authentication; DELETE ends the token that it is sent with."""

    def get_authenticators(self) -> list[TokenAuthentication]:
        # Without a session: what is neither read nor needed can't be forged from another site.
        return [] if self._posting else [TokenAuthentication()]

    @property
    def permission_classes(self) -> list[type]:
        """Anybody may try to log in; who has a token may end it, whatever the role."""
        return [AllowAny] if self._posting else [IsAuthenticated]

    @property
    def _posting(self) -> bool:
        return getattr(getattr(self, "request", None), "method", "") == "POST"

    @extend_schema(request=Credentials, responses=Token)
    @refuses(401, 429)
    def post(self, request: Request) -> Response:
        """A token for name and password; expired ones of the same user are deleted."""
        given = body(self, Credentials)
        role, seconds = given.pop("role", ""), given.pop("ttl_seconds", None)
        user = authenticate(request=request._request, **given)
        if user is None:
            raise Problem(401, "Name or password is wrong.", headers={"WWW-Authenticate": "Token"})
        tokens = get_token_model().objects
        tokens.filter(user=user, expiry__lt=timezone.now()).delete()
        record, token = create_token(user, role, seconds and timedelta(seconds=seconds))
        user_logged_in.send(sender=type(user), request=request._request, user=user)
        return Response(Token({"token": token, "expiry": record.expiry}).data)

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request) -> Response:
        """End the token that this is sent with."""
        request.auth.delete()
        user_logged_out.send(sender=type(request.user), request=request._request, user=request.user)
        return Response(status=204)
