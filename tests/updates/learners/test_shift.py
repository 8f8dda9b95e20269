"""How one version's predictions differ from another's, as a sum over values."""

import numpy as np
import pytest
from scipy.special import logit

from tests.conftest import SCHEMA
from updates.learners import registry
from updates.samples.encoder import Encoder


@pytest.mark.parametrize("name", ["sparse_linear", "gbdt", "gbdt_lr"])
def test_the_parts_add_up_to_the_shift_of_log_odds(name, make_batch):
    first, second = make_batch(300), make_batch(300, first=300)
    older, newer = (registry.get(name)(SCHEMA, {}) for _ in range(2))
    older.fit([first])
    newer.fit([first])
    newer.learn(second)
    encoded = Encoder(SCHEMA).encode(second)
    shift = newer.shift_from(older, second, encoded)
    sums = np.add.reduceat(shift.by_value, encoded.indptr[:-1]) + shift.rest
    moved = logit(newer.predict(second)) - logit(older.predict(second))
    assert np.abs(moved).max() > 0
    assert sums == pytest.approx(moved, abs=1e-6)


def test_a_learner_that_cannot_attribute_says_so(make_batch):
    batch = make_batch(100)
    factors = registry.get("factors")(SCHEMA, {"dim": 4})
    assert factors.shift_from(factors, batch, Encoder(SCHEMA).encode(batch)) is None
