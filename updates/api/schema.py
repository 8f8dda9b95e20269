"""OpenAPI that is true: problems, idempotency keys and strict bodies described where they apply."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import Direction, OpenApiParameter
from rest_framework.permissions import AllowAny
from rest_framework.serializers import Serializer

from updates.api import idempotency, token_schemes  # noqa: F401  (describes the tokens)
from updates.api.problems import CONTENT_TYPE, TITLES, TYPES
from updates.api.serializers.base import Strict
from updates.api.throttle import counts
from updates.learners import registry
from updates.learners.options import Option

WITH_BODY = {"POST", "PATCH"}
MEANINGS = {
    400: "The request cannot be read, or a field of it is wrong.",
    401: "No token or session, or one that is no longer valid.",
    403: "The role does not allow this.",
    404: "There is nothing at this address.",
    409: "Not possible in the present state.",
    413: "The body is too long.",
    415: "The body's media type or encoding is none of those allowed.",
    422: "The Idempotency-Key came with another request before, or the body is not what its "
    "checksum says.",
    429: "Too many failed attempts, or more than one account or user may do in a time.",
    503: "Retry after the seconds in Retry-After.",
}
PROBLEM_TYPES = ["about:blank", *(TYPES + kind for kind in TITLES)]
ADDRESS = {"type": "string", "format": "uri-reference"}
PROBLEM = {
    "type": "object",
    "description": "Problem details, RFC 9457.",
    "properties": {
        "type": {
            "type": "string",
            "format": "uri-reference",
            "enum": PROBLEM_TYPES,
        },
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string"},
        "instance": {"type": "string", "format": "uri-reference"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "field": {"type": "string", "description": "Dotted path; empty: the whole."},
                    "error": {"type": "string"},
                    "row": {"type": "integer", "description": "0-based number of the row."},
                    "kind": {
                        "type": "string",
                        "description": "With implausible-vector: why, in a word.",
                    },
                },
                "required": ["field", "error"],
                "additionalProperties": False,
            },
        },
        "run": ADDRESS | {"description": "With writer-busy: the run that is in the way."},
        "champion": ADDRESS | {"description": "With shares-log: whose samples it learns."},
        "present": {
            "type": "object",
            "description": "With space-moved and revision-moved: as the answer of 200, without "
            "`outcome`. The device goes on from there.",
        },
    },
    "required": ["type", "title", "status", "detail", "instance", "errors"],
    "additionalProperties": False,
}
KEY = OpenApiParameter(
    idempotency.HEADER,
    {"type": "string", "minLength": 1, "maxLength": idempotency.LONGEST_KEY},
    OpenApiParameter.HEADER,
    description=f"A request sent again with the same key within {idempotency.KEPT_HOURS} hours "
    "is answered alike and acts once.",
)


def refuses(*statuses: int) -> Callable[[Any], Any]:
    """Note on a handler which further statuses it may answer with a problem."""

    def note(handler: Any) -> Any:
        handler.refuses = statuses
        return handler

    return note


COMMON = """

**Authentication.** `POST auth/token` gives a token; send it as `Authorization: Token …`. A session
of the pages is accepted too, with its CSRF token for all but reading.

**Roles.** Viewers read and score. Operators also send samples, start, cancel, promote, roll back,
prove, and change when and whether policies fire. Admins also create, configure and delete.

**Lists** come in pages: follow `next` until it is null.

**Errors** are problem details (RFC 9457, `application/problem+json`); `errors` names each field at
fault. Where the type is not `about:blank`, it is one of:

"""


class TrueSchema(AutoSchema):
    """What every operation has in common is derived here, so that no view can forget it."""

    @property
    def _handler(self) -> Any:
        return getattr(self.view, self.method.lower())

    def get_override_parameters(self) -> list[Any]:
        keyed = getattr(self._handler, "idempotent", False)
        return [*super().get_override_parameters(), *([KEY] if keyed else [])]

    def _get_response_bodies(self, direction: Direction = "response") -> dict[str, Any]:
        bodies = super()._get_response_bodies(direction)
        # A copy: the hooks that name enumerations write into what they get.
        problem = ResolvedComponent(
            "Problem", ResolvedComponent.SCHEMA, object="Problem", schema=deepcopy(PROBLEM)
        )
        self.registry.register_on_missing(problem)
        content = {CONTENT_TYPE: {"schema": problem.ref}}
        for status in sorted(self._problems()):
            bodies[str(status)] = {"description": MEANINGS[status], "content": content}
        bodies["default"] = {"description": "Any other problem.", "content": content}
        return bodies

    def _problems(self) -> set[int]:
        statuses = set(getattr(self._handler, "refuses", ()))
        if AllowAny not in self.view.permission_classes:
            statuses |= {401, 403}
        if counts(self.method, self.view):
            statuses.add(429)
        if "{" in self.path:
            statuses.add(404)
        if self.method in WITH_BODY:
            statuses |= {400, 413, 415}
        if self._get_parameters():
            statuses.add(400)
        if getattr(self._handler, "idempotent", False):
            statuses.add(422)
        return statuses

    def _map_basic_serializer(self, serializer: Serializer, direction: Direction) -> Any:
        schema = super()._map_basic_serializer(serializer, direction)
        if isinstance(serializer, Strict) and direction == "request":
            schema["additionalProperties"] = False
        return schema


class LearnerOptionsSchema(OpenApiSerializerFieldExtension):
    """Options of each learner, from where the learner declares them."""

    target_class = "updates.api.serializers.recommenders.LearnerOptions"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        learners = [registry.get(name) for name in registry.names()]
        return {"anyOf": [_options_schema(learner) for learner in learners]}


def _options_schema(learner: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "title": learner.name,
        "properties": {option.name: _option_schema(option) for option in learner.options},
        "additionalProperties": False,
    }


def _option_schema(option: Option) -> dict[str, Any]:
    kinds = {
        bool: "boolean",
        int: "integer",
        float: "number",
        str: "string",
        dict: "object",
        list: "array",
    }
    schema: dict[str, Any] = {"type": kinds[type(option.default)], "default": option.default}
    schema["description"] = option.help
    if option.choices:
        schema["enum"] = list(option.choices)
    if schema["type"] in ("integer", "number"):
        bounds = {"minimum": option.minimum, "maximum": option.maximum}
        schema |= {key: bound for key, bound in bounds.items() if abs(bound) != float("inf")}
    return schema


def explain(result: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
    """Say in the description's head what holds for all operations."""
    kinds = "".join(f"- `{TYPES}{kind}`: {title}\n" for kind, title in TITLES.items())
    result["info"]["description"] += COMMON + kinds
    return result


def contract_paths(endpoints: list[tuple[Any, ...]], **kwargs: Any) -> list[tuple[Any, ...]]:
    """Leave out the aliases with a trailing slash and everything beside the API."""
    return [e for e in endpoints if e[0].startswith("/api/v1/") and not e[0].endswith("/")]
