"""The experiments behind docs/gbdt-lr.md run, at a tiny size."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from updates.learners.experiments import simulated, sklearn_estimators
from updates.learners.experiments.gbdt_lr import (
    VARIANTS,
    Variant,
    recorded,
    replay,
    simulated_stream,
)
from updates.samples.schema import EVENT_TIME, LABEL
from updates.samples.sources.ml_100k import MovieLens100K
from updates.samples.sources.open_bandit import OpenBandit


def test_a_simulated_stream_is_the_same_each_time_and_in_order():
    once, again = (list(simulated.days(600, 3)) for _ in range(2))
    assert once == again
    assert [day.num_rows for day in once] == [200, 200, 200]
    times = pa.concat_tables(once).column(EVENT_TIME).to_numpy().astype(np.int64)
    assert all(before <= after for before, after in pairwise(times))


def test_items_of_the_stream_come_and_go():
    first, *_, last = simulated.days(20_000, 20)
    new = set(last.column("item").to_pylist()) - {str(i) for i in range(simulated.ITEMS)}
    assert new
    assert 0.05 < first.column(LABEL).to_numpy().mean() < 0.3


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_each_variant_is_replayed(variant):
    few = {} if "num_trees" not in {o.name for o in variant.learner.options} else {"num_trees": 2}
    small = Variant(variant.name, variant.learner, variant.every, {**variant.options, **few})
    outcome = replay(small, simulated_stream(2_800))
    assert 0.5 < outcome.ne < 3
    assert min(outcome.update_seconds, outcome.online_seconds) > 0


def test_recorded_samples_are_a_history_and_the_days_after_it():
    history, *days = recorded("Open Bandit", OpenBandit()).days
    assert history.num_rows == 7_000
    assert sum(day.num_rows for day in days) == 3_000
    bounds = [pc.min_max(day.column(EVENT_TIME)).as_py() for day in days]
    assert all(before["max"].date() < after["min"].date() for before, after in pairwise(bounds))
    assert all(bound["min"].date() == bound["max"].date() for bound in bounds)


@pytest.mark.parametrize(
    "label", ["SGDClassifier after MaxAbsScaler", "RandomForestClassifier, rates"]
)
def test_estimators_are_replayed_over_recorded_days(label):
    [(_, name, options)] = [row for row in sklearn_estimators.VARIANTS if row[0] == label]
    table = pa.Table.from_batches(list(MovieLens100K())).slice(0, 600).combine_chunks()
    outcome = sklearn_estimators.replay(name, options, table)
    assert outcome.still is not None
    assert (outcome.daily is None) == ("Forest" in label)
