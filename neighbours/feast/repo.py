"""A Feast repo as far as reading takes it, and never more: no code that it names is run.

Its Python files are not looked at. Of the registry, which holds pickled functions, names, types and
times are copied; stores and registries are those that Feast itself has, not what configuration
names by an import path.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import yaml
from feast.feature_view import FeatureView
from feast.infra.registry import sql
from feast.infra.registry.registry import (
    REGISTRY_STORE_CLASS_FOR_TYPE,
    get_registry_store_class_from_scheme,
    get_registry_store_class_from_type,
)
from feast.protos.feast.core.FeatureService_pb2 import FeatureService as ServiceProto
from feast.protos.feast.core.FeatureService_pb2 import FeatureServiceSpec
from feast.protos.feast.core.FeatureView_pb2 import FeatureView as ViewProto
from feast.protos.feast.core.FeatureView_pb2 import FeatureViewMeta, FeatureViewSpec
from feast.protos.feast.core.StreamFeatureView_pb2 import StreamFeatureView as StreamProto
from feast.repo_config import ONLINE_STORE_CLASS_FOR_TYPE, RepoConfig
from sqlalchemy import create_engine, select

CONFIG = "feature_store.yaml"
TAKEN = {"project", "registry", "online_store", "entity_key_serialization_version"}
# Of a feature server's answer Feast keeps one time for all entities; a hybrid store names others.
UNTIMED_STORES = {"remote", "hybrid"}
TAG = "recadmin"


class Unusable(RuntimeError):
    """A repo that is not read; says why."""


@dataclass(frozen=True)
class View:
    """A feature view. materialized_to : Unix time up to which it was, None where it never was."""

    table: FeatureView
    materialized_to: float | None


@dataclass(frozen=True)
class Definitions:
    """What the registry says of a project. on_demand : names of views that are computed at the
    request, whose values have no time."""

    services: list[FeatureServiceSpec]
    views: dict[str, View]
    on_demand: set[str]

    def service_of(self, slug: str) -> FeatureServiceSpec | None:
        """The feature service whose tag ``recadmin`` names the recommender, else that of its
        name."""
        tagged = [s for s in self.services if slug in s.tags[TAG].replace(",", " ").split()]
        named = [s for s in self.services if s.name == slug]
        return next(iter(tagged + named), None)


def read_config(folder: Path) -> RepoConfig:
    """What ``feature_store.yaml`` says of registry and online store. Raises Unusable, OSError."""
    said = yaml.safe_load(os.path.expandvars((folder / CONFIG).read_text()))
    if not isinstance(said, dict):
        raise Unusable(f"{CONFIG} is no mapping.")
    store, registry = said.get("online_store") or {}, said.get("registry")
    kind = store.get("type", "sqlite") if isinstance(store, dict) else store
    if kind not in ONLINE_STORE_CLASS_FOR_TYPE or kind in UNTIMED_STORES:
        raise Unusable(f"An online store of type {kind} is not read.")
    if isinstance(registry, dict):
        if registry.get("registry_type", "file") not in {"file", "sql"}:
            raise Unusable(f"A registry of type {registry['registry_type']} is not read.")
        if registry.get("registry_store_type") not in {None, *REGISTRY_STORE_CLASS_FOR_TYPE}:
            raise Unusable(f"A registry in a {registry['registry_store_type']} is not read.")
    taken = {key: value for key, value in said.items() if key in TAKEN}
    # Named by a word it is not loaded, as it would be where nothing is said.
    return RepoConfig(**taken, offline_store="dask", repo_path=folder)


def read_registry(config: RepoConfig) -> Definitions:
    """The definitions of the project. Raises what reading a registry of that kind does."""
    of_sql = config.registry.registry_type == "sql"
    services, views, on_demand = (_from_sql if of_sql else _from_store)(config)
    return Definitions(
        [service.spec for service in services],
        {view.spec.name: _view(view) for view in views},
        set(on_demand),
    )


_Found = tuple[Iterable[ServiceProto], Iterable[ViewProto | StreamProto], Iterable[str]]


def _from_store(config: RepoConfig) -> _Found:
    about = config.registry
    cls = (
        get_registry_store_class_from_type(about.registry_store_type)
        if about.registry_store_type
        else get_registry_store_class_from_scheme(about.path)
    )
    found = cls(about, config.repo_path).get_registry_proto()

    def ours(*lists: Iterable[Any]) -> list[Any]:
        return [each for each in chain(*lists) if each.spec.project == config.project]

    return (
        ours(found.feature_services),
        ours(found.feature_views, found.stream_feature_views),
        [view.spec.name for view in ours(found.on_demand_feature_views)],
    )


def _from_sql(config: RepoConfig) -> _Found:
    about = config.registry
    engine = create_engine(about.read_path or about.path, **about.sqlalchemy_config_kwargs)

    def column(name: str, table: Any) -> list[Any]:
        chosen = select(table.c[name]).where(table.c.project_id == config.project)
        return list(connection.execute(chosen).scalars())

    with engine.connect() as connection:
        services = column("feature_service_proto", sql.feature_services)
        views = column("feature_view_proto", sql.feature_views)
        streams = column("feature_view_proto", sql.stream_feature_views)
        on_demand = column("feature_view_name", sql.on_demand_feature_views)
    return (
        map(ServiceProto.FromString, services),
        [*map(ViewProto.FromString, views), *map(StreamProto.FromString, streams)],
        on_demand,
    )


def _view(found: ViewProto | StreamProto) -> View:
    # What it is looked up by and what of it is there: nothing that could be run.
    said = found.spec
    kept = FeatureViewSpec(
        name=said.name,
        project=said.project,
        entities=said.entities,
        entity_columns=said.entity_columns,
        features=said.features,
        online=said.online,
        version=said.version,
    )
    about = FeatureViewMeta(current_version_number=found.meta.current_version_number)
    ends = [each.end_time.ToMicroseconds() / 1e6 for each in found.meta.materialization_intervals]
    return View(FeatureView.from_proto(ViewProto(spec=kept, meta=about)), max(ends, default=None))
