"""Values that one version knows and the other does not."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from updates.explain.values import Value, value_of
from updates.learners.base import Learner
from updates.samples.hashing import cross_name

MOST = 10


@dataclass(frozen=True)
class Turnover:
    """fields : how many values by feature, most first. top : those of the largest weights."""

    fields: dict[str, int]
    top: list[tuple[Value, float]]

    @property
    def count(self) -> int:
        """Of all fields."""
        return sum(self.fields.values())


def born(older: Learner, newer: Learner) -> Turnover:
    """Values that have a weight other than zero in the newer one, and none in the older one; what
    died is born the other way round. What is no feature of the schema, as the leaves of trees, is
    left out."""
    schema = newer.schema
    features = {*schema.single_valued, *schema.numeric, *schema.multivalued}
    features |= {cross_name(*pair) for pair in schema.crosses}
    keys, weights = newer.live_features()
    fresh = np.flatnonzero(~np.isin(keys, older.live_features()[0]))
    heaviest = fresh[np.argsort(-np.abs(weights[fresh]), kind="stable")]
    named = zip(newer.names_of(keys[heaviest]), weights[heaviest], strict=True)
    found = [(*names, float(weight)) for names, weight in named if names[0] in features]
    counts = Counter(field for field, _, _ in found).most_common()
    top = [(value_of(field, value, schema), weight) for field, value, weight in found[:MOST]]
    return Turnover(dict(counts), top)
