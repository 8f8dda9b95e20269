"""Streams of samples whose true probabilities are known."""

import numpy as np
import pyarrow as pa

from updates.samples.schema import SampleSchema

SCHEMA = SampleSchema(
    user="user",
    item="item",
    numeric=("price",),
    multivalued=("tags",),
    crosses=(("user", "tags"),),
)
USERS, ITEMS, TAGS = 40, 30, 6


def stream(rows: int, seed: int = 0, turned: float = 0.0) -> pa.RecordBatch:
    """Clicks that users, items and prices decide; ``turned`` from 0 to 1 moves tastes away."""
    rng = np.random.default_rng(seed)
    tastes = np.random.default_rng(99).normal(size=(2, USERS))
    users, items = rng.integers(0, USERS, rows), rng.integers(0, ITEMS, rows)
    price = rng.normal(size=rows)
    taste = (1 - turned) * tastes[0] + turned * tastes[1]
    score = 1.5 * taste[users] + 0.05 * (items - ITEMS / 2) + (1 - 2 * turned) * price
    tags = [
        [f"t{tag}" for tag in rng.integers(0, TAGS, count)] for count in rng.integers(0, 4, rows)
    ]
    return pa.RecordBatch.from_pydict(
        {
            "label": rng.random(rows) < 1 / (1 + np.exp(-score)),
            "event_time": np.arange(rows),
            "weight": np.ones(rows),
            "user": [f"u{user}" for user in users],
            "item": [f"i{item}" for item in items],
            "price": price,
            "tags": tags,
        }
    ).cast(SCHEMA.arrow)
