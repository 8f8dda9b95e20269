"""JSON → dataclasses, by their annotations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from recadmin_client.errors import UnexpectedAnswer

T = TypeVar("T")


def decode(shape: type[T], value: Any) -> T:
    """An instance of the dataclass; members that it does not know are left out.

    So a newer server may say more. Raises UnexpectedAnswer where a member is missing.
    """
    try:
        found: T = _decoded(shape, value)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UnexpectedAnswer(f"no {shape.__name__} as expected: {error!r}") from error
    return found


def _decoded(kind: Any, value: Any) -> Any:
    if is_dataclass(kind) and isinstance(kind, type):
        return kind(**{name: _decoded(inner, value[name]) for name, inner in _members(kind)})
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, UnionType):
        [given] = [option for option in inner if option is not NoneType]
        return None if value is None else _decoded(given, value)
    if origin is list:
        return [_decoded(inner[0], one) for one in value]
    if kind is datetime:
        return datetime.fromisoformat(value)
    return value


@cache
def _members(shape: type) -> list[tuple[str, Any]]:
    hints: Mapping[str, Any] = get_type_hints(shape)
    return [(field.name, hints[field.name]) for field in fields(shape)]
