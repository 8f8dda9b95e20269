from collections import defaultdict

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import make_batch
from tests.updates.learners.streams import SCHEMA, stream
from updates.learners.rates import Rates
from updates.samples.schema import LABEL, WEIGHT, SampleSchema

SMALL = SampleSchema(user="user", multivalued=("tags",), crosses=(("user", "tags"),))
SMOOTHING = 5.0
NAMES = st.none() | st.sampled_from("abc")
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "label": st.integers(0, 1),
            "weight": st.sampled_from([0.5, 1.0, 2.0]),
            "user": NAMES,
            "tags": st.none() | st.lists(NAMES, max_size=3),
        }
    ),
    max_size=20,
)


def naive_rates(rows):
    """Row by row with dictionaries, as the docstring of Rates says it."""
    sums, positives, weight, found = defaultdict(lambda: np.zeros(2)), 1.0, 2.0, []
    for row in rows:
        users = [row["user"]]
        tags = list(dict.fromkeys(tag for tag in row["tags"] or [] if tag)) or [None]
        features = [users, tags, [(user, tag) for user in users for tag in tags]]
        known = np.array(
            [sum(sums[i, value] for value in values) for i, values in enumerate(features)]
        )
        prior = positives / weight
        found.append((known[:, 0] + SMOOTHING * prior) / (known[:, 1] + SMOOTHING))
        counted = row["weight"] * np.array([row["label"], 1.0])
        for i, values in enumerate(features):
            for value in values:
                sums[i, value] += counted
        positives, weight = positives + counted[0], weight + counted[1]
    return np.array(found).reshape(-1, 3)


@given(ROWS)
def test_rates_are_those_of_the_rows_before(rows):
    counted = Rates(SMALL, SMOOTHING).count(make_batch(rows, SMALL))

    np.testing.assert_allclose(counted, naive_rates(rows), rtol=1e-6)


@given(ROWS)
def test_looking_up_reads_what_the_next_row_would_see(rows):
    rates = Rates(SMALL, SMOOTHING)
    batch = make_batch(rows, SMALL)
    rates.count(batch)

    seen = rates.look_up(batch.slice(0, 1))

    assert np.array_equal(seen, rates.count(batch.slice(0, 1)))


@given(st.integers(0, 99))
def test_no_row_sees_its_own_or_a_later_label(first_changed):
    batch = stream(100)
    labels = batch.column(LABEL).to_numpy().copy()
    labels[first_changed:] = 1 - labels[first_changed:]
    changed = batch.set_column(0, SCHEMA.arrow.field(0), pa.array(labels))

    features, others = (Rates(SCHEMA, SMOOTHING).count(each) for each in (batch, changed))

    assert np.array_equal(features[: first_changed + 1], others[: first_changed + 1])
    assert first_changed > 90 or not np.array_equal(features, others)


@given(st.lists(st.integers(0, 500), max_size=5).map(sorted))
def test_rows_may_be_cut_anywhere(cuts):
    batch, whole, pieces = stream(500), Rates(SCHEMA, SMOOTHING), Rates(SCHEMA, SMOOTHING)
    weights = pa.array(np.random.default_rng(0).random(500), pa.float32())
    batch = batch.set_column(2, SCHEMA.arrow.field(WEIGHT), weights)

    features = [
        pieces.count(batch.slice(start, stop - start))
        for start, stop in zip([0, *cuts], [*cuts, 500], strict=True)
    ]

    assert np.array_equal(np.concatenate(features), whole.count(batch))
    for name, values in whole.to_arrays().items():
        assert np.array_equal(pieces.to_arrays()[name], values)


def test_a_value_never_seen_has_the_overall_rate():
    rates = Rates(SMALL, SMOOTHING)
    rates.count(
        make_batch([{"label": 1, "user": "a"}] * 8 + [{"label": 0, "user": "b"}] * 2, SMALL)
    )

    unseen = rates.look_up(make_batch([{"user": "new", "tags": ["new"]}], SMALL))

    assert rates.prior == 9 / 12
    np.testing.assert_allclose(unseen, [[0.75, 0.75, 0.75]])


def test_the_absence_of_a_value_has_a_rate_too():
    rates = Rates(SMALL, SMOOTHING)
    rates.count(make_batch([{"label": 1, "user": None}] * 50 + [{"user": "a"}] * 50, SMALL))

    user, tags, _ = rates.look_up(make_batch([{"user": None}], SMALL))[0]

    assert user > 0.9
    assert tags == pytest.approx(0.5, abs=0.01)


def test_numbers_stand_last_as_they_came():
    batch = make_batch([{"price": 0.1}, {"price": None}, {"price": 0.0}], SCHEMA)

    prices = Rates(SCHEMA, SMOOTHING).count(batch)[:, -1]

    np.testing.assert_array_equal(prices, [0.1, np.nan, 0.0])


def test_restored_rates_count_on_alike():
    rates, restored = Rates(SCHEMA, SMOOTHING), Rates(SCHEMA, SMOOTHING)
    rates.count(stream(500))

    restored.restore(rates.to_arrays())

    assert np.array_equal(restored.count(stream(100, seed=1)), rates.count(stream(100, seed=1)))
    assert restored.size == rates.size
    assert restored.prior == rates.prior


def test_rates_of_another_schema_are_refused():
    with pytest.raises(ValueError, match="rates of 3 features are needed, got 4"):
        Rates(SMALL, SMOOTHING).restore(Rates(SCHEMA, SMOOTHING).to_arrays())


def test_what_was_counted_since_brings_other_rates_to_where_these_are():
    rates, others = Rates(SCHEMA, SMOOTHING), Rates(SCHEMA, SMOOTHING)
    for each in (rates, others):
        each.count(stream(500))
    rates.track()
    for seed in (1, 2):
        rates.count(stream(20, seed=seed))
        others.update(rates.touched())
        assert np.array_equal(others.look_up(stream(100)), rates.look_up(stream(100)))
    assert rates.touched()["sizes"].sum() == 0


def test_a_copy_of_rates_goes_its_own_way():
    rates = Rates(SCHEMA, SMOOTHING)
    rates.count(stream(200))
    copy, before = rates.copy(), rates.look_up(stream(50))
    copy.count(stream(200, seed=1))
    assert np.array_equal(rates.look_up(stream(50)), before)
    rates.count(stream(200, seed=1))
    assert np.array_equal(rates.look_up(stream(50)), copy.look_up(stream(50)))


def test_rates_follow_while_their_tables_grow():
    rates, others = Rates(SMALL, SMOOTHING), Rates(SMALL, SMOOTHING)
    rates.track()
    batches = [
        make_batch([{"label": i % 2, "user": f"u{i}"} for i in range(first, first + 100)], SMALL)
        for first in range(0, 2500, 100)
    ]
    for number, batch in enumerate(batches, 1):
        rates.count(batch)
        others.update(rates.touched())
        for known in batches[:number]:
            assert np.array_equal(others.look_up(known), rates.look_up(known))
