"""Sketches can be merged in any order, kept as bytes, and are close to the truth."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.drift.hashed_counts import HashedCounts
from monitoring.drift.new_values import new_value_rate
from monitoring.drift.numbers import NumberSketch
from monitoring.drift.values import ValueSketch

TEXTS = st.lists(st.one_of(st.none(), st.text(max_size=3)), max_size=50)
NUMBERS = st.lists(st.floats(width=32, allow_infinity=False), max_size=50)
TENTHS = np.linspace(0.1, 0.9, 9)


def values(rows):
    return ValueSketch.of(pa.array(rows, pa.string()))


def numbers(rows):
    return NumberSketch.of(np.array(rows, float))


def merged(first, *others):
    for other in others:
        first.merge(other)
    return first


def told(sketch):
    counted = sketch.counted
    return (
        sketch.present,
        sketch.missing,
        sketch.frequent(),
        counted.hashes.tolist(),
        counted.counts.tolist(),
    )


@given(TEXTS, TEXTS)
def test_merged_values_are_those_of_all_rows(a, b):
    assert told(merged(values(a), values(b))) == told(values(a + b))
    assert told(merged(values(b), values(a))) == told(values(a + b))


@given(NUMBERS, NUMBERS)
def test_merged_numbers_are_those_of_all_rows(a, b):
    both, whole = merged(numbers(a), numbers(b)), numbers(a + b)
    assert (both.present, both.missing) == (whole.present, whole.missing)
    assert both.quantiles(TENTHS).tolist() == whole.quantiles(TENTHS).tolist()


@given(st.integers(0, 2**32), st.lists(st.integers(0, 3000), min_size=3, max_size=3))
def test_a_sample_by_hash_is_the_same_however_it_is_merged(seed, sizes):
    rng = np.random.default_rng(seed)
    rows = [rng.integers(0, 5000, size).astype(np.uint64) * np.uint64(2**50) for size in sizes]
    a, b, c = (HashedCounts.of(r, np.ones(len(r), np.int64)) for r in rows)
    whole = np.concatenate(rows)
    for found in (
        a.merged(b).merged(c),
        c.merged(a.merged(b)),
        HashedCounts.of(whole, np.ones(len(whole), np.int64)),
    ):
        assert found.hashes.tolist() == a.merged(b.merged(c)).hashes.tolist()
        assert found.counts.tolist() == a.merged(b.merged(c)).counts.tolist()
        assert found.limit == a.merged(b.merged(c)).limit


@given(TEXTS)
def test_values_come_back_from_their_bytes(rows):
    assert told(ValueSketch.from_bytes(values(rows).to_bytes())) == told(values(rows))


def test_numbers_come_back_from_their_bytes():
    sketch = numbers(np.random.default_rng(0).normal(size=5_000))
    again = NumberSketch.from_bytes(sketch.to_bytes())
    assert again.rows == 5_000
    assert again.quantiles(TENTHS).tolist() == sketch.quantiles(TENTHS).tolist()


def test_the_number_of_distinct_values_is_close_to_the_truth():
    sketch = values([f"v{i % 20_000}" for i in range(60_000)])
    assert sketch.counted.distinct == pytest.approx(20_000, rel=0.1)


def test_quantiles_of_many_merged_parts_are_close_to_the_truth():
    rng = np.random.default_rng(1)
    whole = merged(*(numbers(rng.uniform(size=2_000)) for _ in range(100)))
    assert whole.quantiles(TENTHS) == pytest.approx(TENTHS, abs=0.01)


@given(TEXTS, TEXTS)
def test_the_rate_of_new_values_is_exact_on_few_values(now, before):
    present = [value for value in now if value is not None]
    truth = np.mean([value not in before for value in present]) if present else 0.0
    assert new_value_rate(values(now), values(before)) == pytest.approx(truth)


def test_the_rate_of_new_values_is_estimated_on_many():
    before = values([f"v{i}" for i in range(20_000)])
    now = values([f"v{i}" for i in range(10_000, 30_000)])
    assert new_value_rate(now, before) == pytest.approx(0.5, abs=0.06)
