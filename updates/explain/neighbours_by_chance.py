"""How many nearest neighbours change where nothing has: the tables of docs/explanation.md.

    python -m updates.explain.neighbours_by_chance

ML-100K in random order, so that any two parts of it are alike, and what a version has learned
beyond another is chance. Trained anew: nine tenths twice, with another seed, and in another order.
Learned on: the last tenth, or a fiftieth, on top of nine tenths; beside it what explanations take
for chance. At last the same by time, where users, items and tastes did change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from updates.explain.neighbours import AMONG, Change, unsurprised
from updates.learners import registry
from updates.learners.base import Learner
from updates.samples.hashing import field_seed, hash_strings
from updates.samples.schema import SampleSchema
from updates.samples.sources.ml_100k import MovieLens100K

SCHEMA = SampleSchema(user="user", item="item")
CONTENDERS: dict[str, tuple[str, dict[str, Any]]] = {
    "`factors`": ("factors", {}),
    "`factors`, 10 passes": ("factors", {"epochs": 10, "item_rate": 0.1, "l2": 0.03}),
    "`wide_deep`": ("wide_deep", {}),
}
LEARNED, UPDATES = 90_000, (2_000, 10_000)
DRAWS = 5
Row = list[float]


def kept(keys: np.ndarray, one: Learner, other: Learner) -> float:
    """Share of the neighbours that are the same, by the items' keys in order of frequency."""
    vectors = [learner.vectors_of(keys) for learner in (one, other)]
    known = ~np.isnan(np.hstack(vectors)).any(axis=1)
    return float(Change.between(*(each[known][:AMONG] for each in vectors)).kept.mean())


def by_frequency(table: pa.Table) -> np.ndarray:
    """Keys of the items, those that come most often first."""
    items = pc.value_counts(table["item"])
    order = np.argsort(-items.field("counts").to_numpy(), kind="stable")
    return hash_strings(items.field("values").take(pa.array(order)), field_seed("item"))


def trained_anew(table: pa.Table, name: str, options: dict[str, Any], draw: int) -> Row:
    """With another seed, and in another order."""
    rng = np.random.default_rng(draw)
    drawn = table.take(pa.array(rng.permutation(len(table))[:LEARNED]))
    other_order = drawn.take(pa.array(rng.permutation(LEARNED)))
    version = fitted(drawn, name, options)
    others = (
        fitted(drawn, name, {**options, "seed": 1_000 + draw}),
        fitted(other_order, name, options),
    )
    return [kept(by_frequency(table), version, other) for other in others]


def learned_on(table: pa.Table, name: str, options: dict[str, Any]) -> Row:
    """For each size of an update what it kept, and what explanations say of chance."""
    keys, base, found = by_frequency(table), fitted(table.slice(0, LEARNED), name, options), []
    for size in UPDATES:
        news = table.slice(LEARNED, size)
        version = base.snapshot()
        for batch in news.combine_chunks().to_batches():
            version.learn(batch)
        found += [kept(keys, base, version), kept(keys, base, unsurprised(base, news))]
    return found


def fitted(table: pa.Table, name: str, options: dict[str, Any]) -> Learner:
    """On these samples, in their order."""
    learner = registry.get(name)(SCHEMA, options)
    learner.fit(table.combine_chunks().to_batches())
    return learner


def cells(rows: Sequence[Row]) -> str:
    """Their means, in a table."""
    return " | ".join(f"{share:.2f}" for share in np.mean(rows, axis=0))


def main() -> None:
    """Print the tables."""
    table = pa.Table.from_batches(list(MovieLens100K(SCHEMA))).combine_chunks()
    shuffled = [
        table.take(pa.array(np.random.default_rng(draw).permutation(len(table))))
        for draw in range(DRAWS)
    ]
    print("| trained anew | another seed | another order |\n|---|---:|---:|")
    for title, (name, options) in CONTENDERS.items():
        rows = [trained_anew(table, name, options, draw) for draw in range(DRAWS)]
        print(f"| {title} | {cells(rows)} |", flush=True)
    head = " | ".join(f"{size:,} samples | by chance" for size in UPDATES)
    print(f"\n| learned on | {head} |\n|---|" + "---:|" * 2 * len(UPDATES))
    for title, (name, options) in CONTENDERS.items():
        rows = [learned_on(one, name, options) for one in shuffled]
        print(f"| {title}, in random order | {cells(rows)} |")
        print(f"| {title}, by time | {cells([learned_on(table, name, options)])} |", flush=True)


if __name__ == "__main__":
    main()
