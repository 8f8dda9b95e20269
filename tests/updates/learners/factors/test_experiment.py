"""The experiment behind docs/factors.md runs, at a tiny size."""

import numpy as np
import pyarrow as pa
import pytest

from tests.updates.learners.factors.rows import SCHEMA, rows, tastes
from updates.learners.experiments.factors import ByFactors, ByPopularity, ByScores, outcome
from updates.learners.experiments.factors_spaces import Space, devices, judged, one_draw
from updates.learners.sparse.linear import SparseLinear

OPTIONS = {"dim": 3, "epochs": 5}


@pytest.fixture(scope="module")
def table():
    return pa.Table.from_batches([tastes(600, items=100)])


def items(table):
    return pa.table({"item": table["item"].unique()})


@pytest.mark.parametrize(
    "make",
    [
        lambda _: ByFactors(OPTIONS),
        ByPopularity,
        lambda items: ByScores(SparseLinear(SCHEMA), items),
    ],
    ids=["factors", "popularity", "scores"],
)
def test_each_contender_meets_the_samples_one_by_one(table, make):
    found = outcome(make(items(table)), table.slice(0, 500), table.slice(500))
    assert 0 < found.hit_rate < 1
    assert found.ne is None or 0.5 < found.ne < 1.5


def test_the_most_liked_item_is_the_first_recommended_unless_seen():
    batch = rows(("a", "x", 1), ("b", "x", 1), ("a", "y", 1), ("a", "z", 0))
    table = pa.Table.from_batches([batch])
    popular = ByPopularity(items(table))
    popular.fit(table)
    sample = batch.slice(0, 1)
    assert popular.recommend(sample, set()) == ["x", "y", "z"]
    assert popular.recommend(sample, {"x"}) == ["y", "z"]


@pytest.mark.parametrize("loss", ["logistic", "bpr"])
def test_each_way_of_a_vector_into_the_new_space_is_judged(table, loss):
    found = one_draw(table, {**OPTIONS, "loss": loss}, draw=1, seed=2)
    assert len(found) == 5
    assert np.isfinite(list(found.values())).all()


def test_a_device_is_judged_by_its_second_half_only(table):
    space = Space.fitted(table, OPTIONS)
    device = devices(table, np.array(["u1"]))[0]
    user = space.fold_in(device.first)
    assert judged([(device, user)], space)[0] > 0
    assert abs(len(device.first) - len(device.second)) <= 1
