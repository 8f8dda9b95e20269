"""Real feature repos, made by Feast itself: ``python -m tests.neighbours.feast_repo FOLDER REDIS``.

A process of its own, as teams make theirs with ``feast apply``. They are in ``file``, with the
registry in a file and values in SQLite; in ``sql``, with the registry in a database and values in
Redis; in ``hostile``, as in ``file``, with each function in the registry replaced by a pickle that
makes the folder ``ran`` where it is loaded.
"""

import os
import pickle
import shutil
import sys
from datetime import timedelta
from pathlib import Path

import pandas as pd
from feast import (
    Entity,
    FeatureService,
    FeatureStore,
    FeatureView,
    Field,
    FileSource,
    PushSource,
    RequestSource,
)
from feast.data_format import ParquetFormat
from feast.on_demand_feature_view import on_demand_feature_view
from feast.protos.feast.core.Registry_pb2 import Registry
from feast.types import Float64, Int64, String

from tests.neighbours import NOW

CONFIG = """
project: shop
provider: local
registry: {registry}
online_store: {online_store}
entity_key_serialization_version: 3
"""


def make(folder, registry, online_store):
    """Prices of items, an hour and two hours old; of users, named by number; of everybody."""
    (folder / "feature_store.yaml").write_text(
        CONFIG.format(registry=registry, online_store=online_store)
    )
    sources = {
        "prices": {"item": ["i1", "i2"], "price": [1.0, None], "weight_kg": [1.0, 2.0]},
        "people": {"user_id": [1, 2], "device": ["phone", "desktop"]},
        "season": {"season": ["spring"]},
        "towns": {"town": ["Ulm"], "rain": [1.0]},
    }
    hours = {"prices": [1, 2], "people": [3, 3], "season": [24], "towns": [5]}
    for name, columns in sources.items():
        at = [NOW - timedelta(hours=h) for h in hours[name]]
        pd.DataFrame({**columns, "at": at}).to_parquet(folder / f"{name}.parquet")

    def source(name):
        path = str(folder / f"{name}.parquet")
        return FileSource(name=name, path=path, timestamp_field="at", file_format=ParquetFormat())

    item = Entity(name="item", join_keys=["item"])
    user = Entity(name="person", join_keys=["user_id"])
    town = Entity(name="town", join_keys=["town"])
    prices = FeatureView(
        name="prices",
        entities=[item],
        schema=[
            Field(name="item", dtype=String),
            Field(name="price", dtype=Float64),
            Field(name="weight_kg", dtype=Float64),
        ],
        source=source("prices"),
    )
    people = FeatureView(
        name="people",
        entities=[user],
        schema=[Field(name="user_id", dtype=Int64), Field(name="device", dtype=String)],
        source=source("people"),
    )
    season = FeatureView(
        name="season",
        entities=[],
        schema=[Field(name="season", dtype=String)],
        source=source("season"),
    )
    towns = FeatureView(
        name="towns",
        entities=[town],
        schema=[Field(name="town", dtype=String), Field(name="rain", dtype=Float64)],
        source=PushSource(name="pushed", batch_source=source("towns")),
    )
    asked = RequestSource(name="asked", schema=[Field(name="now", dtype=Float64)])

    @on_demand_feature_view(
        sources=[prices, asked], schema=[Field(name="dear", dtype=Float64)], mode="pandas"
    )
    def bargain(inputs):
        out = pd.DataFrame()
        out["dear"] = inputs["price"] * inputs["now"]
        return out

    by_number = people.with_join_key_map({"user_id": "user"})
    store = FeatureStore(str(folder))
    store.apply(
        [
            *(item, user, town, prices, people, season, towns, bargain),
            FeatureService(name="news", features=[prices, by_number, season, towns, bargain]),
            FeatureService(name="v7", features=[people, season], tags={"recadmin": "shop, films"}),
        ]
    )
    store.materialize(NOW - timedelta(days=2), NOW - timedelta(minutes=30))


class _Hostile:
    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder / "ran"),)


def make_hostile(folder):
    """Put what must not be loaded wherever the registry has a function."""
    body = pickle.dumps(_Hostile(folder))
    (folder / "body.pickle").write_bytes(body)
    path = folder / "registry.db"
    registry = Registry.FromString(path.read_bytes())
    for view in registry.on_demand_feature_views:
        view.spec.feature_transformation.user_defined_function.body = body
    for view in registry.feature_views:
        view.spec.feature_transformation.user_defined_function.body = body
        view.spec.feature_transformation.user_defined_function.mode = "python"
    path.write_bytes(registry.SerializeToString())


if __name__ == "__main__":
    place, redis = Path(sys.argv[1]), sys.argv[2]
    stores = {
        "file": ("registry.db", "{type: sqlite, path: online.db}"),
        "sql": (
            f"{{registry_type: sql, path: 'sqlite:///{place}/sql/registry.sqlite3'}}",
            f"{{type: redis, connection_string: '{redis}'}}",
        ),
    }
    for name, (registry, online_store) in stores.items():
        (place / name).mkdir()
        make(place / name, registry, online_store)
    shutil.copytree(place / "file", place / "hostile")
    make_hostile(place / "hostile")
