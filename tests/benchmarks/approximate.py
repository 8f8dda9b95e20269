"""Would an approximate index pay? HNSW of usearch beside the exact product.

    pip install usearch
    python -m tests.benchmarks.approximate

Not among those of ``python -m tests.benchmarks``, as usearch is none of our requirements. Items are
drawn from a normal distribution with mean and covariance of those that ``factors`` learned on
ML-100k, biases included; the queries are the users learned beside them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

import numpy as np
import pyarrow as pa

from tests.benchmarks.harness import Table, percentiles_ms
from updates.learners.experiments.factors import IDS, SETTINGS
from updates.learners.factors.learner import Factors
from updates.learners.factors.recommend import best
from updates.samples.sources.ml_100k import MovieLens100K

K, MET = 10, 100
SIZES, DIMS = (100_000, 1_000_000), (16, 64)
EXPANSIONS = (64, 256)
METRICS = {"ip": "inner product", "l2sq": "Euclidean"}
QUERIES, MOVED = 300, 2_000
EXACT = "exact"


def drawn(size: int, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Items (size, dim + 1), biases last, and users (n, dim + 1), 1 last; float32."""
    table = pa.Table.from_batches(list(MovieLens100K(IDS)))
    learner = Factors(IDS, {"loss": "bpr", "epochs": 10, "dim": dim, **SETTINGS["bpr", 10]})
    learner.fit(table.to_batches())
    items = np.column_stack([learner.item_vectors, learner.item_biases])
    random = np.random.default_rng(1)
    many = random.multivariate_normal(items.mean(axis=0), np.cov(items.T), size)
    users = [learner.user(name)[0] for name in table["user"].unique().to_pylist()]
    queries = np.column_stack([users, np.ones(len(users))])
    return many.astype(np.float32), queries.astype(np.float32)


def stored(items: np.ndarray, metric: str) -> np.ndarray:
    """What an index is given of the items. For Euclidean distance another coordinate makes all
    equally long, so that the nearest of a query with 0 there has the largest inner product
    (Bachrach et al. 2014, "Speeding up the Xbox recommender system", RecSys, §3)."""
    squares = (items**2).sum(axis=1) if metric == "l2sq" else np.zeros(len(items), np.float32)
    return np.column_stack([items, np.sqrt(squares.max() - squares)])


def built(rows: np.ndarray, metric: str) -> tuple[Any, float]:
    """An index with usearch's own settings, and the seconds that it took on all cores."""
    began = time.perf_counter()
    index = import_module("usearch.index").Index(ndim=rows.shape[1], metric=metric, dtype="f32")
    index.add(np.arange(len(rows)), rows)
    return index, time.perf_counter() - began


def searches(items: np.ndarray, index: Any) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """By name, what gives the best places for a query: exactly, and among so many candidates that
    MET of them may be left out."""

    def approximate(expansion: int) -> Callable[[np.ndarray], np.ndarray]:
        def search(query: np.ndarray) -> np.ndarray:
            index.expansion_search = expansion
            found: np.ndarray = index.search(np.append(query, np.float32(0)), K + MET).keys
            return found[:K]

        return search

    by_index = {f"expansion {n}": approximate(n) for n in EXPANSIONS}
    return {EXACT: lambda query: best(items @ query, K), **by_index}


def measured(items: np.ndarray, queries: np.ndarray, index: Any) -> Iterator[dict[str, object]]:
    """A row a search; they take turns, never two at the same query."""
    ways = searches(items, index)
    truth = [best(items @ query, K) for query in queries]
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    hits = dict.fromkeys(ways, 0)
    for n in range(QUERIES):
        for turn, (name, search) in enumerate(ways.items()):
            at = (n + 97 * turn) % len(queries)
            began = time.perf_counter()
            found = search(queries[at])
            seconds[name].append(time.perf_counter() - began)
            hits[name] += len(np.intersect1d(found, truth[at]))
    for name, spent in seconds.items():
        recall, times = hits[name] / (K * QUERIES), np.median(seconds[EXACT]) / np.median(spent)
        about = {"recall@10": recall, "times as fast": float(times)}
        yield {"search": name, **percentiles_ms(spent), **about}


def moving(rows: np.ndarray, index: Any) -> float:
    """Milliseconds for the new vector of an item that has learned, of MOVED taken at once."""
    random = np.random.default_rng(2)
    places = random.choice(len(rows), MOVED, replace=False)
    vectors = rows[places] + random.normal(0, 0.01, (MOVED, rows.shape[1])).astype(np.float32)
    began = time.perf_counter()
    index.remove(places)
    index.add(places, vectors)
    return 1e3 * (time.perf_counter() - began) / MOVED


def main() -> None:
    """Print the searches by each index, and what it costs."""
    for size in SIZES:
        for dim in DIMS:
            items, queries = drawn(size, dim)
            for metric, name in METRICS.items():
                rows = stored(items, metric)
                index, build = built(rows, metric)
                title = f"{size:,} items × {dim}, {name}"
                print(Table(title, list(measured(items, queries, index))).markdown(), end="\n\n")
                megabytes = items.nbytes / 1e6, float(index.memory_usage) / 1e6
                costs = dict(zip(("vectors MB", "index MB"), megabytes, strict=True))
                costs |= {"built in s": build, "an item moved in ms": moving(rows, index)}
                print(Table("", [costs]).markdown(), end="\n\n", flush=True)


if __name__ == "__main__":
    main()
