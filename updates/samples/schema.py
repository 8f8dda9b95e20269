"""What a sample of one recommender looks like, and the Arrow columns that hold it.

Imports no Django: usable as a library.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

LABEL, EVENT_TIME, WEIGHT, ARRIVED_AT = "label", "event_time", "weight", "arrived_at"
IMPRESSION = "impression"
RESERVED = frozenset({LABEL, EVENT_TIME, WEIGHT, ARRIVED_AT, IMPRESSION})
TIMESTAMP = pa.timestamp("ms", tz="UTC")
# A name with one of these is not the same in a request's JSON.
ESCAPED = '"\\'


class SchemaError(ValueError):
    """A sample schema that cannot be used; names the key and says what is allowed."""

    def __init__(self, key: str, problem: str) -> None:
        super().__init__(f"schema.{key}: {problem}")
        self.key = key
        self.problem = problem


@dataclass(frozen=True)
class SampleSchema:
    """Names of the fields of a sample row, by kind.

    Parameters
    ----------
    user, item : name of the field that holds the user's or the item's id, or None. Both are
        categorical features too.
    categorical : fields with one string value a row.
    numeric : fields with one float a row.
    multivalued : fields with a list of strings a row.
    crosses : pairs of categorical or multi-valued fields, each pair one more feature: the product
        of their values.
    prediction, version : name of the field that holds the probability that was predicted where the
        row was scored, elsewhere than here, and of the one that names the model that did; or None.
        Neither is a feature.
    """

    user: str | None = None
    item: str | None = None
    categorical: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()
    multivalued: tuple[str, ...] = ()
    crosses: tuple[tuple[str, str], ...] = ()
    prediction: str | None = None
    version: str | None = None

    def __post_init__(self) -> None:
        if not self.fields:
            raise SchemaError("categorical", "a schema needs at least one feature")
        if self.version and not self.prediction:
            raise SchemaError("version", "names what gave a prediction: name that field too")
        names = [*self.fields, *self.logged]
        for name in names:
            if name in RESERVED or not name:
                raise SchemaError(name, f"is reserved; reserved names are {sorted(RESERVED)}")
            if any(letter in ESCAPED or letter < " " for letter in name):
                raise SchemaError(name, "has a quote, a backslash or a control character")
            if names.count(name) > 1:
                raise SchemaError(name, "is named more than once")
        crossable = {*self.single_valued, *self.multivalued}
        for pair in self.crosses:
            if len(pair) != 2 or not crossable.issuperset(pair):
                raise SchemaError(
                    "crosses", f"{list(pair)} must be two of the fields {sorted(crossable)}"
                )
            if self.crosses.count(pair) > 1:
                raise SchemaError("crosses", f"{list(pair)} is named more than once")

    @cached_property
    def single_valued(self) -> tuple[str, ...]:
        """User, item and the categorical fields, in the order in which they are encoded."""
        ids = tuple(name for name in (self.user, self.item) if name)
        return ids + self.categorical

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """Names of all fields."""
        return (*self.single_valued, *self.numeric, *self.multivalued)

    @cached_property
    def logged(self) -> tuple[str, ...]:
        """Names of the fields that say what was predicted, and by what."""
        return tuple(name for name in (self.prediction, self.version) if name)

    @cached_property
    def arrow(self) -> pa.Schema:
        """Columns of a batch in the sample log: label, event_time, weight, then the features, then
        what was predicted and by what."""
        return pa.schema(
            [
                pa.field(LABEL, pa.float32(), nullable=False),
                pa.field(EVENT_TIME, TIMESTAMP, nullable=False),
                pa.field(WEIGHT, pa.float32(), nullable=False),
                *(pa.field(name, pa.string()) for name in self.single_valued),
                *(pa.field(name, pa.float64()) for name in self.numeric),
                *(pa.field(name, pa.list_(pa.string())) for name in self.multivalued),
                *(
                    pa.field(name, kind)
                    for name, kind in ((self.prediction, pa.float64()), (self.version, pa.string()))
                    if name
                ),
            ]
        )

    def to_json(self) -> dict[str, Any]:
        """The JSON form that the API and the admin show; ``from_json`` reads it back.

        What was predicted is named only where it is logged: the manifests of other versions, and
        with them their digests, stay what they were.
        """
        logged = {"prediction": self.prediction, "version": self.version}
        return {
            "user": self.user,
            "item": self.item,
            "categorical": list(self.categorical),
            "numeric": list(self.numeric),
            "multivalued": list(self.multivalued),
            "crosses": [list(pair) for pair in self.crosses],
            **{key: name for key, name in logged.items() if name},
        }

    @classmethod
    def from_json(cls, value: Any) -> SampleSchema:
        """Read the JSON form; raises SchemaError naming the key that is wrong."""
        if not isinstance(value, Mapping):
            raise SchemaError("", f"must be an object, got {type(value).__name__}")
        unknown = set(value) - set(cls.__dataclass_fields__)
        if unknown:
            raise SchemaError(
                min(unknown), f"unknown key; allowed are {sorted(cls.__dataclass_fields__)}"
            )
        return cls(
            user=_name(value, "user"),
            item=_name(value, "item"),
            categorical=_names(value, "categorical"),
            numeric=_names(value, "numeric"),
            multivalued=_names(value, "multivalued"),
            crosses=_pairs(value.get("crosses") or []),
            prediction=_name(value, "prediction"),
            version=_name(value, "version"),
        )


def _name(value: Mapping[str, Any], key: str) -> str | None:
    name = value.get(key)
    if name is not None and not isinstance(name, str):
        raise SchemaError(key, f"must be a field's name or null, got {name!r}")
    return name or None


def _names(value: Mapping[str, Any], key: str) -> tuple[str, ...]:
    names = value.get(key) or []
    if not isinstance(names, list | tuple) or not all(isinstance(name, str) for name in names):
        raise SchemaError(key, f"must be a list of field names, got {names!r}")
    return tuple(names)


def _pairs(pairs: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(pairs, list | tuple) or not all(
        isinstance(pair, list | tuple) and len(pair) == 2 for pair in pairs
    ):
        raise SchemaError("crosses", f"must be a list of pairs of field names, got {pairs!r}")
    return tuple((str(a), str(b)) for a, b in pairs)
