"""A simulated stream in which tastes turn and items are replaced, so that freshness matters."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from updates.samples.schema import EVENT_TIME, LABEL, WEIGHT, SampleSchema

SCHEMA = SampleSchema(
    user="user",
    item="item",
    categorical=("category", "device"),
    numeric=("price",),
    crosses=(("user", "category"), ("device", "item")),
)
USERS, ITEMS, FACTORS, CATEGORIES, DEVICES = 20_000, 4_000, 4, 20, 5
ZIPF = 0.9
LIVES = 4  # items that each place on the shelf has over the stream, one after the other
BATCH_ROWS = 50_000
STEP_MS = 100


class DriftingStream:
    """Clicks by user and item biases and the product of their factors.

    Over the stream the factors of items turn by a quarter of a circle. Each place on the shelf
    changes its item LIVES times, at times of its own: a new id, with a bias and factors of its own.

    Parameters
    ----------
    samples : rows in all; the same drift is spread over more or fewer.
    """

    def __init__(self, samples: int, seed: int = 1) -> None:
        self.samples = samples
        self._seed = seed
        random = np.random.default_rng(seed)
        self._tastes = random.normal(size=(USERS, FACTORS))
        self._user_bias = random.normal(0, 0.5, USERS)
        self._from, self._to = random.normal(size=(2, LIVES + 1, ITEMS, FACTORS))
        self._item_bias = random.normal(0, 0.7, (LIVES + 1, ITEMS))
        self._category = random.integers(0, CATEGORIES, ITEMS)
        self._change_at = random.random(ITEMS)

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for start in range(0, self.samples, BATCH_ROWS):
            yield self._batch(start, min(BATCH_ROWS, self.samples - start))

    def _batch(self, start: int, rows: int) -> pa.RecordBatch:
        random = np.random.default_rng([self._seed, start])
        time = (start + np.arange(rows)) / self.samples
        users, places = _zipf(random, USERS, rows), _zipf(random, ITEMS, rows)
        device, price = random.integers(0, DEVICES, rows), random.normal(size=rows)
        life = (LIVES * time + self._change_at[places]).astype(int)
        angle = time[:, None] * np.pi / 2
        factors = self._from[life, places] * np.cos(angle) + self._to[life, places] * np.sin(angle)
        log_odds = (
            -1.0
            + self._user_bias[users]
            + self._item_bias[life, places]
            + 0.5 * np.einsum("rf,rf->r", self._tastes[users], factors)
            - 0.3 * price
        )
        columns = {
            LABEL: random.random(rows) < 1 / (1 + np.exp(-log_odds)),
            EVENT_TIME: STEP_MS * (start + np.arange(rows)),
            WEIGHT: np.ones(rows),
            "user": users.astype(str),
            "item": np.char.add(np.char.add(places.astype(str), "."), life.astype(str)),
            "category": self._category[places].astype(str),
            "device": device.astype(str),
            "price": price,
        }
        return pa.RecordBatch.from_pydict(columns).cast(SCHEMA.arrow)


def _zipf(random: np.random.Generator, size: int, rows: int) -> np.ndarray:
    shares = np.arange(1, size + 1) ** -ZIPF
    steps = np.cumsum(shares / shares.sum())
    return np.searchsorted(steps[:-1], random.random(rows))
