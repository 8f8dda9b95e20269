"""When the values were computed that the online store has of a recommender's entities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from feast.feature_view import DUMMY_ENTITY_ID, DUMMY_ENTITY_VAL
from feast.infra.online_stores.helpers import get_online_store_from_config
from feast.protos.feast.core.FeatureService_pb2 import FeatureServiceSpec
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.repo_config import RepoConfig
from feast.value_type import ValueType

from neighbours.feast.repo import Definitions, View

Times = list[float | None]
# How a key is written in the store, by its type: with another one the store finds nothing.
KEYS = {
    ValueType.STRING: ("string_val", str),
    ValueType.INT32: ("int32_val", int),
    ValueType.INT64: ("int64_val", int),
}


class Store:
    """The online store of a repo; it only reads."""

    def __init__(self, config: RepoConfig) -> None:
        self.config = config
        self.online = get_online_store_from_config(config.online_store)

    def times(
        self, view: View, features: Sequence[str], keys: Sequence[EntityKey | None]
    ) -> dict[str, Times]:
        """By feature, Unix times of the values of these entities, None where there is none.

        Raises whatever the store does where it does not answer.
        """
        self._there()
        known = {key.SerializeToString(deterministic=True): key for key in keys if key is not None}
        found = dict(zip(known, self._read(view, features, list(known.values())), strict=True))
        rows = [
            found[key.SerializeToString(deterministic=True)] if key is not None else (None, None)
            for key in keys
        ]
        return {
            feature: [
                _unix(at) if at and values and _is_there(values.get(feature)) else None
                for at, values in rows
            ]
            for feature in features
        }

    def _read(self, view: View, features: Sequence[str], keys: list[EntityKey]) -> list[Any]:
        if not keys:
            return []
        return list(self.online.online_read(self.config, view.table, keys, list(features)))

    def _there(self) -> None:
        """Feast would make the SQLite file that is missing."""
        store = self.config.online_store
        if store.type == "sqlite" and not (self.config.repo_path / store.path).exists():
            raise FileNotFoundError(f"There is no {store.path}.")


@dataclass(frozen=True)
class _Asked:
    """What a recommender has of one view: fields by feature, and the field by each join key."""

    view: View
    name: str
    fields: dict[str, str]
    keys: dict[str, str]

    def entity_keys(self, rows: int, columns: dict[str, list[Any]]) -> list[EntityKey | None]:
        """(rows,) keys, None where a row has no such; raises KeyError for types that are none."""
        kinds = {c.name: KEYS[c.dtype.to_value_type()] for c in self.view.table.entity_columns}
        nothing = [DUMMY_ENTITY_VAL] * rows
        values = [columns.get(self.keys[name], nothing) for name in kinds]
        return [_entity_key(kinds, row) for row in zip(*values, strict=True)]


class Look:
    """What of a feature service concerns a recommender with these fields."""

    def __init__(
        self, service: FeatureServiceSpec, definitions: Definitions, fields: list[str]
    ) -> None:
        self.fields = set(fields)
        self.problems: list[dict[str, str]] = []
        self.asked = list(self._views(service, definitions))
        if not self.asked and not self.problems:
            self._problem(f"No feature of Feast's service {service.name} is a field.")

    @property
    def keys(self) -> list[str]:
        """The fields that hold join keys."""
        fields = {field for asked in self.asked for field in asked.keys.values()}
        return sorted(fields & self.fields)

    def at(self, store: Store, rows: int, columns: dict[str, list[Any]]) -> dict[str, Any]:
        """``times`` by field, (rows,) each, and ``problems``."""
        times: dict[str, Times] = {}
        for asked in self.asked:
            times |= self._times(store, asked, rows, columns)
        return {"times": times, "problems": self.problems}

    def _views(self, service: FeatureServiceSpec, known: Definitions) -> Iterator[_Asked]:
        for part in service.features:
            if part.feature_view_name in known.on_demand:
                continue
            name = part.feature_view_name_alias or part.feature_view_name
            fields = {
                column.name: field
                for column in part.feature_columns
                for field in (column.name, f"{name}__{column.name}")
                if field in self.fields
            }
            if fields and part.feature_view_name in known.views:
                view = known.views[part.feature_view_name]
                keys = {c.name: c.name for c in view.table.entity_columns} | dict(part.join_key_map)
                yield _Asked(view, name, fields, keys)
            elif fields:
                self._problem(f"Feast's registry has no view {part.feature_view_name}.")

    def _times(
        self, store: Store, asked: _Asked, rows: int, columns: dict[str, list[Any]]
    ) -> dict[str, Times]:
        if missing := set(asked.keys.values()) - self.fields - {DUMMY_ENTITY_ID}:
            return self._materialized(asked, rows, min(missing))
        try:
            keys = asked.entity_keys(rows, columns)
        except KeyError:
            self._problem(f"Join keys of view {asked.name} are neither strings nor integers.")
            return {}
        try:
            found = store.times(asked.view, list(asked.fields), keys)
        except Exception as error:
            said = f"Feast's online store does not answer for view {asked.name}"
            self._problem(f"{said} ({type(error).__name__}).", str(error))
            return {}
        if rows and not any(at for times in found.values() for at in times):
            said = f"has nothing in view {asked.name} of the entities of the newest samples"
            self._problem(f"Feast's online store {said}.")
        return {asked.fields[feature]: times for feature, times in found.items()}

    def _materialized(self, asked: _Asked, rows: int, key: str) -> dict[str, Times]:
        """No value is newer than that up to which all of the view was materialized."""
        said = f"View {asked.name} is looked up by {key}, which is no field"
        if asked.view.materialized_to is None:
            self._problem(f"{said}, and was never materialized: nothing is known of it.")
            return {}
        self._problem(f"{said}: told is when it was materialized, its values may be older.")
        return dict.fromkeys(asked.fields.values(), [asked.view.materialized_to] * rows)

    def _problem(self, said: str, detail: str = "") -> None:
        self.problems.append({"said": said, "detail": detail})


def _entity_key(kinds: dict[str, tuple[str, Any]], row: Sequence[Any]) -> EntityKey | None:
    try:
        values = [
            Value(**{name: kind(_plain(value))})
            for (name, kind), value in zip(kinds.values(), row, strict=True)
        ]
    except (TypeError, ValueError, OverflowError):
        return None
    return EntityKey(join_keys=list(kinds), entity_values=values)


def _plain(value: Any) -> Any:
    """A number without a fraction as the integer that it is; raises TypeError for null."""
    if value is None:
        raise TypeError("There is no key.")
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _is_there(value: Value | None) -> bool:
    return value is not None and value.WhichOneof("val") is not None


def _unix(at: datetime) -> float:
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
