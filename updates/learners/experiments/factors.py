"""What ``factors`` recommends, and what becomes of users' vectors in a new space: the tables of
docs/factors.md.

    python -m updates.learners.experiments.factors

ML-100k in time order. First: four fifths are learned, then each sample of the last fifth is
predicted, its item looked for among the ten recommended if it was liked, and learned. Second: a
fifth of the users are on devices of their own, which learn nothing but their user's vector.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

from updates.learners.base import Learner
from updates.learners.experiments.factors_spaces import print_spaces
from updates.learners.factors.learner import Factors
from updates.learners.factors.recommend import best
from updates.learners.sparse.linear import SparseLinear
from updates.metrics import quality
from updates.samples.schema import LABEL, SampleSchema
from updates.samples.sources.ml_100k import MovieLens100K

K = 10
SHARE_BEFORE = 0.8
IDS = SampleSchema(user="user", item="item")
FIELDS = SampleSchema(  # those that are the same for all samples of a user or of an item
    user="user",
    item="item",
    categorical=("gender", "age_band", "occupation", "release_year"),
    multivalued=("genres",),
    crosses=(
        ("user", "genres"),
        ("user", "release_year"),
        ("gender", "item"),
        ("age_band", "item"),
    ),
)
# The best on the fourth fifth, after three were learned, of 36 (logistic) and 12 (bpr) combinations
# of rates and l2 for each number of passes: by NE, and by hit rate on its first 4,000.
SETTINGS: dict[tuple[str, int], dict[str, float]] = {
    ("logistic", 1): {"item_rate": 0.2, "user_rate": 0.2, "l2": 0.01},
    ("logistic", 10): {"item_rate": 0.1, "user_rate": 0.2, "l2": 0.03},
    ("bpr", 1): {"item_rate": 0.05, "user_rate": 0.1, "l2": 0.003},
    ("bpr", 10): {"item_rate": 0.05, "user_rate": 0.1, "l2": 0.01},
}
OF_ITEM = ("item", "release_year", "genres")


class Contender(Protocol):
    """What learns samples and recommends."""

    def fit(self, table: pa.Table) -> None: ...

    def learn(self, sample: pa.RecordBatch) -> float | None:
        """Learn one sample; its probability before, of who has one."""

    def recommend(self, sample: pa.RecordBatch, seen: set[str]) -> list[str]:
        """Ten items for the user of a sample."""


class ByFactors:
    """Of what the learner knows, exactly."""

    def __init__(self, options: dict[str, Any]) -> None:
        self._learner = Factors(IDS, options)

    def fit(self, table: pa.Table) -> None:
        self._learner.fit(table.to_batches())

    def learn(self, sample: pa.RecordBatch) -> float | None:
        return _before(self._learner, sample)

    def recommend(self, sample: pa.RecordBatch, seen: set[str]) -> list[str]:
        return self._learner.recommend(sample["user"][0].as_py(), K, seen, repeats=True).items


class ByScores:
    """By the probabilities of a learner that scores all items beside the sample's user."""

    def __init__(self, learner: Learner, items: pa.Table) -> None:
        self._learner = learner
        self._items = items.combine_chunks()
        self._places = _places(items)

    def fit(self, table: pa.Table) -> None:
        self._learner.fit(table.to_batches())

    def learn(self, sample: pa.RecordBatch) -> float | None:
        return _before(self._learner, sample)

    def recommend(self, sample: pa.RecordBatch, seen: set[str]) -> list[str]:
        rows = sample.take(pa.array(np.zeros(len(self._items), np.int64)))
        columns = [
            self._items[name].chunk(0) if name in OF_ITEM else rows[name]
            for name in rows.schema.names
        ]
        scores = self._learner.predict(pa.RecordBatch.from_arrays(columns, schema=rows.schema))
        return _unseen(self._items, self._places, scores.astype(np.float32), seen)


class ByPopularity:
    """By how many have liked an item."""

    def __init__(self, items: pa.Table) -> None:
        self._items, self._places = items, _places(items)
        self._liked = np.zeros(len(items), np.float32)

    def fit(self, table: pa.Table) -> None:
        for batch in table.to_batches():
            places = [self._places[item] for item in batch["item"].to_pylist()]
            np.add.at(self._liked, places, np.asarray(batch[LABEL]))

    def learn(self, sample: pa.RecordBatch) -> float | None:
        self.fit(pa.Table.from_batches([sample]))
        return None

    def recommend(self, sample: pa.RecordBatch, seen: set[str]) -> list[str]:
        return _unseen(self._items, self._places, self._liked.copy(), seen)


def _before(learner: Learner, sample: pa.RecordBatch) -> float | None:
    predictions = learner.learn(sample).predictions
    return None if predictions is None else float(predictions[0])


def _places(items: pa.Table) -> dict[str, int]:
    return {name: place for place, name in enumerate(items["item"].to_pylist())}


def _unseen(
    items: pa.Table, places: dict[str, int], scores: np.ndarray, seen: set[str]
) -> list[str]:
    scores[[places[item] for item in seen]] = -np.inf
    found: list[str] = items["item"].take(pa.array(best(scores, K))).to_pylist()
    return found


@dataclass(frozen=True)
class Outcome:
    """ne : progressive, None of who predicts nothing. hit_rate : of the liked items, the share that
    was among ten recommended. seconds : CPU for one recommendation."""

    ne: float | None
    hit_rate: float
    seconds: float


def outcome(contender: Contender, before: pa.Table, after: pa.Table) -> Outcome:
    """Learn the first samples, then meet the others one by one."""
    contender.fit(before)
    seen: dict[str, set[str]] = defaultdict(set)
    for user, item in _pairs(before):
        seen[user].add(item)
    predictions, hits, spent = [], [], 0.0
    after = after.combine_chunks()
    labels = after[LABEL].to_numpy()
    whole = after.to_batches()[0]
    for row, (user, item) in enumerate(_pairs(after)):
        sample = whole.slice(row, 1)
        if labels[row] > 0.5:
            began = time.process_time()
            hits.append(item in contender.recommend(sample, seen[user]))
            spent += time.process_time() - began
        predictions.append(contender.learn(sample))
        seen[user].add(item)
    known = None not in predictions
    ne = quality(labels.astype(np.float64), np.array(predictions)).ne if known else None
    return Outcome(ne, float(np.mean(hits)), spent / len(hits))


def _pairs(table: pa.Table) -> Iterator[tuple[str, str]]:
    return zip(table["user"].to_pylist(), table["item"].to_pylist(), strict=True)


def contenders(items: pa.Table) -> Iterator[tuple[str, Callable[[], Contender]]]:
    """By name."""
    yield "popularity", lambda: ByPopularity(items)
    linear = SparseLinear(FIELDS, {"alpha": 0.3})
    yield "`sparse_linear`, all fields and crosses", lambda: ByScores(linear, items)
    for (loss, epochs), chosen in SETTINGS.items():
        options = {"loss": loss, "epochs": epochs, **chosen}
        passes = "one pass" if epochs == 1 else f"{epochs} passes"
        yield f"`factors`, {loss}, {passes}", partial(ByFactors, options)


def print_recommended(table: pa.Table) -> None:
    """Markdown, a row as soon as it is there."""
    print(f"\n| recommends | NE | HR@{K} | CPU ms |\n|---|---:|---:|---:|")
    cut = int(SHARE_BEFORE * len(table))
    items = distinct_items(table)
    for name, make in contenders(items):
        found = outcome(make(), table.slice(0, cut), table.slice(cut))
        ne = "" if found.ne is None else f"{found.ne:.4f}"
        print(f"| {name} | {ne} | {found.hit_rate:.4f} | {1e3 * found.seconds:.2f} |", flush=True)


def distinct_items(table: pa.Table) -> pa.Table:
    """A row an item, with what is known of it."""
    firsts = np.unique(table["item"].to_numpy(zero_copy_only=False), return_index=True)[1]
    return table.select(list(OF_ITEM)).take(pa.array(np.sort(firsts)))


def main() -> None:
    """Print both tables."""
    table = pa.Table.from_batches(list(MovieLens100K(FIELDS))).combine_chunks()
    print_recommended(table)
    for loss in ("logistic", "bpr"):
        print_spaces(table, {"loss": loss, "epochs": 10, **SETTINGS[loss, 10]})


if __name__ == "__main__":
    main()
