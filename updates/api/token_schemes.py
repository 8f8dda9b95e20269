"""How OpenAPI describes the tokens that the API takes."""

from typing import Any

from drf_spectacular.contrib.knox_auth_token import KnoxTokenScheme
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema


class TokenScheme(KnoxTokenScheme):
    """As knox's own."""

    target_class = "updates.api.tokens.TokenAuthentication"


class RunTokenScheme(OpenApiAuthenticationExtension):
    """Tokens of commands that train one run."""

    target_class = "updates.api.run_tokens.RunTokenAuthentication"
    name = "RunToken"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Authorization: Token run.…`, for one attempt at one run.",
        }


class ClientTokenScheme(OpenApiAuthenticationExtension):
    """Tokens of devices."""

    target_class = "updates.api.client_tokens.ClientTokenAuthentication"
    name = "ClientToken"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Authorization: Client …`, for the devices of one user.",
        }


class TargetTokenScheme(OpenApiAuthenticationExtension):
    """Tokens of servers that are not ours."""

    target_class = "updates.api.target_tokens.TargetTokenAuthentication"
    name = "TargetToken"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Authorization: Target …`, for one server.",
        }
