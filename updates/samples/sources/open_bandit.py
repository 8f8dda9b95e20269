"""Open Bandit: 10,000 impressions of a fashion shop in a week of 2019, as they were shown.

The files are the ones inside the installed ``obp`` package, which is found without importing it: a
sample of each campaign (all, men, women) under each of the two policies that chose what was shown
(uniformly at random, and Bernoulli Thompson sampling, "bts"). A sample is an impression of one item
at one of three positions: its label is whether it was clicked. Every feature was known when it was
shown; user and item features are hashed by the publisher, anew for each policy and campaign, and
there is no user id. ``affinity`` is how often the user had clicked the shown item before,
``affine_items`` are the items that the user had clicked before.

``propensity`` is the probability with which the policy chose the item. It is no feature of the
default schema: it tells what the policy of that time believed, which is not known of an item that
another one is about to choose. It serves as an importance weight.

Reference: Saito, Aihara, Matsutani & Narita 2021, "Open Bandit Dataset and Pipeline: Towards
Realistic and Reproducible Off-Policy Evaluation", NeurIPS Datasets and Benchmarks.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from updates.samples.parse import ParsedBatch
from updates.samples.schema import EVENT_TIME, LABEL, TIMESTAMP, WEIGHT, SampleSchema
from updates.samples.sources.base import BATCH_ROWS, Source, SourceMissing, select

CAMPAIGNS = ("all", "men", "women")
BEHAVIOUR_POLICIES = ("random", "bts")
# Weights above this are cut (truncated importance sampling, Ionides 2008): in women/bts a single
# impression with propensity 1e-6 would weigh as much as all others together.
LARGEST_WEIGHT = 100.0
USER_FEATURES = tuple(f"user_feature_{i}" for i in range(4))
ITEM_CATEGORIES = tuple(f"item_feature_{i}" for i in (1, 2, 3))
OPEN_BANDIT = SampleSchema(
    item="item",
    categorical=("position", *USER_FEATURES, *ITEM_CATEGORIES),
    numeric=("item_feature_0", "affinity"),
    multivalued=("affine_items",),
)


class OpenBandit(Source):
    """The impressions in time order; a schema may choose among the fields.

    campaign, behaviour_policy : which of the six files.
    importance_weights : weigh each sample by the probability of a uniform choice ÷ propensity, at
        most ``LARGEST_WEIGHT``, as if every item had been shown equally often; else all weigh 1.

    Raises SourceMissing where obp is not installed or there is no such file, ParseError where the
    schema names a field that the data do not have.
    """

    options = ("campaign", "behaviour_policy", "importance_weights")

    def __init__(
        self,
        schema: SampleSchema | None = None,
        *,
        campaign: str = "all",
        behaviour_policy: str = "random",
        importance_weights: bool = False,
        batch_rows: int = BATCH_ROWS,
    ) -> None:
        weighted = "/weighted" if importance_weights else ""
        self.name = f"open-bandit/{behaviour_policy}/{campaign}{weighted}"
        self.schema = schema or OPEN_BANDIT
        table = read_open_bandit(_folder(campaign, behaviour_policy))
        weight = table["importance"] if importance_weights else np.ones(len(table), np.float32)
        self._table = select(table.append_column(WEIGHT, [weight]), self.schema)
        self.total_rows = self._table.num_rows
        self._batch_rows = batch_rows

    def parsed(self) -> Iterator[ParsedBatch]:
        """Batches without errors: the data are known to be good."""
        for batch in self._table.to_batches(self._batch_rows):
            yield ParsedBatch(batch, [])


@cache
def read_open_bandit(folder: Path) -> pa.Table:
    """All fields but the weight, one row an impression, in time order."""
    shown = csv.read_csv(folder / f"{folder.name}.csv").sort_by("timestamp")
    items = csv.read_csv(folder / "item_context.csv")
    item = pc.index_in(shown["item_id"], items["item_id"])
    affinities = _affinities(shown, items["item_id"])
    propensity = shown["propensity_score"].to_numpy()
    importance = np.minimum(1 / (len(items) * propensity), LARGEST_WEIGHT)
    columns = {
        LABEL: shown["click"].cast(pa.float32()),
        EVENT_TIME: shown["timestamp"].cast(TIMESTAMP, safe=False),
        "item": shown["item_id"].cast(pa.string()),
        "position": shown["position"].cast(pa.string()),
        "propensity": propensity,
        "importance": importance.astype(np.float32),
        "affinity": affinities[np.arange(len(shown)), item.to_numpy()],
        "affine_items": _positive(affinities, items["item_id"].cast(pa.string())),
        "item_feature_0": items["item_feature_0"].take(item),
        **{name: shown[name] for name in USER_FEATURES},
        **{name: items[name].take(item) for name in ITEM_CATEGORIES},
    }
    return pa.table(columns).combine_chunks()


def _folder(campaign: str, behaviour_policy: str) -> Path:
    if campaign not in CAMPAIGNS or behaviour_policy not in BEHAVIOUR_POLICIES:
        raise SourceMissing(
            f"open-bandit has campaigns {', '.join(CAMPAIGNS)} and behaviour policies "
            f"{', '.join(BEHAVIOUR_POLICIES)}, got {campaign!r} and {behaviour_policy!r}"
        )
    obp = find_spec("obp")
    if obp is not None and obp.origin:
        folder = Path(obp.origin).parent / "dataset" / "obd" / behaviour_policy / campaign
        if folder.is_dir():
            return folder
    raise SourceMissing("open-bandit is read from obp's files: pip install --no-deps obp==0.4.1")


def _affinities(shown: pa.Table, item_ids: pa.ChunkedArray) -> np.ndarray:
    """(rows, items) how often the user of the row had clicked each item before."""
    return np.column_stack([shown[f"user-item_affinity_{i}"].to_numpy() for i in item_ids])


def _positive(affinities: np.ndarray, names: pa.ChunkedArray) -> pa.ListArray:
    """For each row the names of the items with an affinity."""
    rows, found = np.nonzero(affinities)
    ends = np.searchsorted(rows, np.arange(len(affinities) + 1)).astype(np.int32)
    return pa.ListArray.from_arrays(ends, names.combine_chunks().take(pa.array(found)))
