"""Interactions by hand, and of users and items that have hidden vectors."""

import numpy as np

from tests.conftest import make_batch
from updates.samples.schema import SampleSchema

SCHEMA = SampleSchema(user="user", item="item")


def rows(*triples, weight=1.0):
    """A batch of (user, item, label)."""
    named = ({"user": u, "item": i, "label": y, "weight": weight} for u, i, y in triples)
    return make_batch(list(named), SCHEMA)


def tastes(samples, users=40, items=30, seed=0):
    """A batch in which users like items whose hidden vector is near theirs."""
    random = np.random.default_rng(seed)
    left, right = random.normal(0, 1.5, (users, 3)), random.normal(0, 1.5, (items, 3))
    random = np.random.default_rng(seed + samples)
    u, i = random.integers(users, size=samples), random.integers(items, size=samples)
    likes = random.random(samples) < 1 / (1 + np.exp(-(left[u] * right[i]).sum(axis=1)))
    return rows(*zip((f"u{n}" for n in u), (f"i{n}" for n in i), likes.astype(int), strict=True))
