"""The learner on its own, without a server."""

import numpy as np
import pyarrow as pa
import pytest

pytest.importorskip(
    "torch", reason="torch is not installed: pip install -r examples/requirements.txt"
)

from two_tower.learner import TwoTower

from updates.learners.checks import check_learner
from updates.learners.options import OptionError
from updates.metrics import quality
from updates.samples.schema import SampleSchema

SCHEMA = SampleSchema(
    user="user", item="item", categorical=("genre",), numeric=("price",), multivalued=("tags",)
)
SMALL = {"item_fields": ["genre"], "buckets": 256, "dim": 4}


def clicks(rows: int, seed: int) -> pa.RecordBatch:
    """Users who like some genres and not others."""
    random = np.random.default_rng(seed)
    users, items = random.integers(0, 20, rows), random.integers(0, 30, rows)
    liked = (users + items) % 2 == 0
    return (
        pa.RecordBatch.from_pydict(
            {
                "label": random.random(rows) < np.where(liked, 0.9, 0.1),
                "event_time": np.arange(rows),
                "weight": np.ones(rows),
                "user": [f"u{user}" for user in users],
                "item": [f"i{item}" for item in items],
                "genre": [f"g{item % 2}" for item in items],
                "price": random.normal(size=rows),
                "tags": [[f"t{user % 3}"] for user in users],
            }
        )
        .select(SCHEMA.arrow.names)
        .cast(SCHEMA.arrow)
    )


def test_it_keeps_a_learner_s_promises():
    check_learner(TwoTower, SCHEMA, [clicks(150, 1), clicks(70, 2), clicks(1, 3)], SMALL)


def test_it_keeps_them_where_all_is_of_the_user():
    schema = SampleSchema(user="user", multivalued=("tags",))
    batches = [clicks(rows, rows).select(schema.arrow.names) for rows in (80, 30)]
    check_learner(TwoTower, schema, batches, {"buckets": 64})


def test_it_learns_who_likes_what_and_goes_on():
    learner = TwoTower(SCHEMA, SMALL)
    learner.fit([clicks(4000, 1)])
    test = clicks(1000, 2)
    before = quality(test.column("label").to_numpy(), learner.predict(test)).ne
    learner.learn(clicks(4000, 3))
    after = quality(test.column("label").to_numpy(), learner.predict(test)).ne
    assert after < before < 0.9


def test_a_field_that_is_not_there_is_named():
    with pytest.raises(OptionError, match="item_fields: must be among the fields"):
        TwoTower(SCHEMA, {"item_fields": ["colour"]})
