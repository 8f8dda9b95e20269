"""Slices: parts of a recommender's traffic that are judged on their own, each by a rule.

Imports no Django: usable as a library.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from updates.samples.schema import SampleSchema

MOST_SLICES = 12
MOST_VALUES = 1_000
MOST_DAYS = 366
NAME = re.compile(r"[-\w]{1,60}", re.ASCII)
FORMS = (
    '{"name", "new": a field, "days": number}, {"name", "feature", "in": [values]} or '
    '{"name", "feature", "from": number, "to": number}'
)


class SliceError(ValueError):
    """Slices that cannot be; the message names the slice and the field that is wrong."""

    def __init__(self, name: str, field: str, problem: str) -> None:
        of = f"Slice “{name}”, {field}" if field else f"Slice “{name}”" if name else "Slices"
        super().__init__(f"{of}: {problem}")


@dataclass(frozen=True)
class NewValue:
    """Rows whose value of a field was first met less than so many days before, by event time."""

    feature: str
    days: float


@dataclass(frozen=True)
class OneOf:
    """Rows with one of these values; of a multi-valued feature, with at least one of them."""

    feature: str
    values: tuple[str, ...]

    def rows(self, samples: pa.Table) -> np.ndarray:
        """(n,) bool: which rows they are."""
        column = samples.column(self.feature).combine_chunks()
        wanted = pa.array(self.values, pa.string())
        if not pa.types.is_list(column.type):
            return np.asarray(pc.is_in(column, wanted))
        found = np.zeros(len(column), bool)
        met = pc.list_parent_indices(column).filter(pc.is_in(pc.list_flatten(column), wanted))
        found[np.asarray(met)] = True
        return found


@dataclass(frozen=True)
class Between:
    """Rows whose number is at least ``low`` and below ``high``; without a number they are not."""

    feature: str
    low: float
    high: float

    def rows(self, samples: pa.Table) -> np.ndarray:
        """(n,) bool: which rows they are."""
        numbers = np.asarray(samples.column(self.feature).fill_null(math.nan), np.float64)
        found: np.ndarray = (numbers >= self.low) & (numbers < self.high)
        return found


Rule = NewValue | OneOf | Between


@dataclass(frozen=True)
class Slice:
    """A named part of the traffic."""

    name: str
    rule: Rule


def slices_from_json(value: Any, schema: SampleSchema) -> tuple[Slice, ...]:
    """Read the JSON form, a list of objects; raises SliceError."""
    if not isinstance(value, list):
        raise SliceError("", "", f"must be a list, got {type(value).__name__}.")
    if len(value) > MOST_SLICES:
        raise SliceError("", "", f"at most {MOST_SLICES} of them, got {len(value)}.")
    found: list[Slice] = []
    for number, one in enumerate(value, 1):
        name = _name(one, number)
        if any(name == other.name for other in found):
            raise SliceError(name, "name", "is another slice's too.")
        found.append(Slice(name, _rule(name, one, schema)))
    return tuple(found)


def _name(value: Any, number: int) -> str:
    if not isinstance(value, Mapping):
        raise SliceError(str(number), "", f"must be an object: {FORMS}.")
    name = value.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name):
        problem = "must be 1 to 60 letters, digits, hyphens and underscores."
        raise SliceError(str(number), "name", problem)
    return name


def _rule(name: str, value: Mapping[str, Any], schema: SampleSchema) -> Rule:
    keys = set(value) - {"name"}
    if keys == {"new", "days"}:
        return _new_value(name, value, schema)
    if keys == {"feature", "in"}:
        return _one_of(name, value, schema)
    if keys in ({"feature", "from"}, {"feature", "to"}, {"feature", "from", "to"}):
        return _between(name, value, schema)
    raise SliceError(name, "", f"must be one of {FORMS}; got {sorted(value)}.")


def _new_value(name: str, value: Mapping[str, Any], schema: SampleSchema) -> NewValue:
    field, days = value["new"], value["days"]
    if field not in schema.single_valued:
        # The user and the item also go by what they are, whatever their fields are called.
        field = {"user": schema.user, "item": schema.item}.get(str(field))
    if not field:
        known = ", ".join(schema.single_valued) or "none here"
        raise SliceError(name, "new", f"must be a field with one value a row: {known}.")
    if not _is_number(days) or not 0 < days <= MOST_DAYS:
        raise SliceError(name, "days", f"must be a number above 0, at most {MOST_DAYS}.")
    return NewValue(field, days)


def _one_of(name: str, value: Mapping[str, Any], schema: SampleSchema) -> OneOf:
    feature, values = value["feature"], value["in"]
    known = (*schema.single_valued, *schema.multivalued, *schema.logged[1:])
    if feature not in known:
        problem = f"“in” takes one of {', '.join(known) or 'none here'}, got {feature!r}."
        raise SliceError(name, "feature", problem)
    if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
        raise SliceError(name, "in", 'must be a list of texts, like ["18", "19"].')
    if not 1 <= len(values) <= MOST_VALUES:
        raise SliceError(name, "in", f"must be 1 to {MOST_VALUES:,} values, got {len(values):,}.")
    return OneOf(feature, tuple(values))


def _between(name: str, value: Mapping[str, Any], schema: SampleSchema) -> Between:
    feature = value["feature"]
    if feature not in schema.numeric:
        known = ", ".join(schema.numeric) or "none here"
        problem = f"“from” and “to” take a numeric one: {known}; got {feature!r}."
        raise SliceError(name, "feature", problem)
    for end in {"from", "to"} & set(value):
        if not _is_number(value[end]):
            raise SliceError(name, end, f"must be a number, got {value[end]!r}.")
    low, high = value.get("from", -math.inf), value.get("to", math.inf)
    if low >= high:
        raise SliceError(name, "to", f"must be above from ({low}).")
    return Between(feature, low, high)


def _is_number(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and math.isfinite(value)
