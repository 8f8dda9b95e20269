"""The client's shapes say what the server's OpenAPI description says."""

from dataclasses import fields, is_dataclass
from datetime import datetime
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

import pytest

from recadmin_client import shapes
from tests.updates.api.conftest import description

DESCRIBED = {
    shapes.FreshnessSummary: "Freshness",
    shapes.Freshness: "FreshnessNow",
    shapes.RecommenderSummary: "Recommender",
    shapes.UpdateRun: "Run",
    shapes.Deployment: "Deployment",
    shapes.ModelVersion: "Version",
    shapes.Appended: "Appended",
    shapes.Taken: "Taken",
    shapes.Received: "Received",
    shapes.Scored: "Scored",
    shapes.Recommended: "RecommendedItems",
    shapes.Series: "Series",
}
PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean", dict: "object"}


def resolved(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The alternatives of a schema, references followed."""
    if reference := schema.get("$ref"):
        return resolved(description()["components"]["schemas"][reference.rpartition("/")[2]])
    for several in ("oneOf", "anyOf", "allOf"):
        if several in schema:
            return [found for one in schema[several] for found in resolved(one)]
    if isinstance(schema.get("type"), list):
        return [schema | {"type": kind} for kind in schema["type"]]
    return [schema]


def differences(kind: Any, schema: dict[str, Any], path: str) -> list[str]:
    """Where what the client expects is not what the server describes."""
    alternatives = resolved(schema)
    may_be_null = any(one.get("type") == "null" for one in alternatives)
    optional = get_origin(kind) is UnionType
    if optional:
        [kind] = [one for one in get_args(kind) if one is not NoneType]
    found = [f"{path}: null is {may_be_null}"] if may_be_null != optional else []
    [given] = [one for one in alternatives if one.get("type") != "null" and one.get("enum") != [""]]
    if is_dataclass(kind):
        members, hints = given["properties"], get_type_hints(kind)
        for field in fields(kind):
            inner = f"{path}.{field.name}"
            if field.name not in members or field.name not in given.get("required", members):
                found.append(f"{inner}: is not always there")
            else:
                found += differences(hints[field.name], members[field.name], inner)
    elif get_origin(kind) is list:
        found += differences(get_args(kind)[0], given["items"], f"{path}[]")
    elif kind is datetime:
        found += [] if given.get("format") == "date-time" else [f"{path}: no time"]
    elif given.get("type") not in (PLAIN[get_origin(kind) or kind], None):
        found.append(f"{path}: {given.get('type')}")
    return found


@pytest.mark.parametrize("shape", DESCRIBED, ids=lambda shape: shape.__name__)
def test_a_shape_is_as_described(shape):
    described = {"$ref": f"#/components/schemas/{DESCRIBED[shape]}"}
    assert differences(shape, described, shape.__name__) == []


def test_the_states_that_end_a_run_are_the_server_s():
    from updates.models.run import FINISHED

    assert {state.value for state in FINISHED} == shapes.ENDS
