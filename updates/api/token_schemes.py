"""How OpenAPI describes the tokens that the API takes."""

from typing import Any, ClassVar

from drf_spectacular.contrib.knox_auth_token import KnoxTokenScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema


class TokenScheme(KnoxTokenScheme):
    """As knox's own."""

    target_class = "updates.api.tokens.TokenAuthentication"


class OwnScheme(OpenApiAuthenticationExtension):
    """A word and a token in the header of people's tokens; ``description`` says whose."""

    description: ClassVar[str] = ""

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        where = {"type": "apiKey", "in": "header", "name": "Authorization"}
        return where | {"description": self.description}


class RunTokenScheme(OwnScheme):
    """Tokens of commands that train one run."""

    target_class = "updates.api.run_tokens.RunTokenAuthentication"
    name = "RunToken"
    description = "`Authorization: Token run.…`, for one attempt at one run."


class ClientTokenScheme(OwnScheme):
    """Tokens of devices."""

    target_class = "updates.api.client_tokens.ClientTokenAuthentication"
    name = "ClientToken"
    description = "`Authorization: Client …`, for the devices of one user."


class TargetTokenScheme(OwnScheme):
    """Tokens of servers that are not ours."""

    target_class = "updates.api.target_tokens.TargetTokenAuthentication"
    name = "TargetToken"
    description = "`Authorization: Target …`, for one server."
