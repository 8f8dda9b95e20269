"""Recommending by ``factors``: the best 10 of all items, exactly."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from tests.benchmarks.harness import Table, percentiles_ms
from updates.learners.factors.learner import Factors
from updates.samples.schema import LABEL, SampleSchema

SCHEMA = SampleSchema(user="user", item="item")
K, USERS, MET = 10, 1_000, 100
WARM_UP = 20


def tables(
    sizes: tuple[int, ...] = (1_000, 100_000, 1_000_000),
    dims: tuple[int, ...] = (16, 64),
    requests: int = 500,
) -> Iterator[Table]:
    """A row a number of items and length of vectors; every request is of another user."""
    rows = [row(size, dim, requests) for size in sizes for dim in dims]
    yield Table(
        f"Recommend: the best {K} items for a user, exactly",
        rows,
        f"Of a user's name to names and scores, the {MET} items that the user has met being left "
        f"out; in the library, without the web server. The first {WARM_UP} are not counted.",
    )


def row(size: int, dim: int, requests: int) -> dict[str, object]:
    """Percentiles of one size."""
    learner = learned(size, dim)
    seconds, cpu = [], []
    for request in range(WARM_UP + requests):
        began, worked = time.perf_counter(), time.process_time()
        learner.recommend(f"u{request % USERS}", K)
        seconds.append(time.perf_counter() - began)
        cpu.append(time.process_time() - worked)
    times = percentiles_ms(seconds[WARM_UP:])
    own = {f"CPU {name}": value for name, value in percentiles_ms(cpu[WARM_UP:]).items()}
    return {"items": size, "dim": dim, "requests": requests, **times, **own}


def learned(size: int, dim: int) -> Factors:
    """A learner that has met each item once, and each of the users MET more drawn at random."""
    learner, random = Factors(SCHEMA, {"dim": dim}), np.random.default_rng(1)
    rows = size + USERS * MET
    items = [*range(size), *random.integers(size, size=USERS * MET).tolist()]
    table = pa.table(
        {
            LABEL: random.integers(0, 2, rows).astype(np.float32),
            "event_time": np.zeros(rows, "datetime64[ms]"),
            "weight": np.ones(rows, np.float32),
            "user": [f"u{n % USERS}" if n >= size else "all" for n in range(rows)],
            "item": [f"i{item}" for item in items],
        }
    )
    learner.fit(table.cast(SCHEMA.arrow).to_batches())
    return learner
