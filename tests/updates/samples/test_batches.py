"""Batches as they come out of the log."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import FIRST_EVENT_TIME, SCHEMA, make_batch
from updates.samples.batches import conform, cut, from_ms, number, to_ms, within
from updates.samples.schema import SampleSchema


@given(st.lists(st.integers(0, 30), max_size=12), st.integers(1, 25))
def test_cutting_depends_on_the_samples_alone(sizes, rows):
    samples = make_batch(sum(sizes))
    pieces, start = [], 0
    for size in sizes:
        pieces.append(samples.slice(start, size))
        start += size
    batches = list(cut(pieces, rows))
    assert [batch.num_rows for batch in batches[:-1]] == [rows] * (len(batches) - 1)
    assert pa.Table.from_batches(batches, samples.schema).equals(pa.Table.from_batches([samples]))


def test_numbering_puts_offset_and_arrival_in_front():
    numbered = number(make_batch(3), 7, to_ms(FIRST_EVENT_TIME))
    assert numbered.schema.names == ["offset", "arrived_at", *SCHEMA.arrow.names]
    assert numbered.column("offset").to_pylist() == [7, 8, 9]
    assert numbered.column("arrived_at").to_pylist() == [FIRST_EVENT_TIME] * 3


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [(1, 99, [5, 6, 7, 8]), (6, 8, [6, 7]), (8, 9, [8]), (9, 12, []), (1, 5, [])],
)
def test_a_range_is_cut_out_by_offset(start, stop, expected):
    numbered = number(make_batch(4), 5, 0)
    assert within(numbered, start, stop, None).column("offset").to_pylist() == expected


def test_older_samples_are_left_out():
    numbered = number(make_batch(4), 5, 0)
    since = to_ms(FIRST_EVENT_TIME) + 2_000
    assert within(numbered, 1, 99, since).column("offset").to_pylist() == [7, 8]


def test_a_field_that_is_new_reads_as_null_and_one_that_is_gone_is_dropped():
    present = SampleSchema(user="user", categorical=("country",), multivalued=("tags",))
    batch = conform(make_batch(2), present.arrow)
    assert batch.schema == present.arrow
    assert batch.column("user").to_pylist() == ["u0", "u1"]
    assert batch.column("country").null_count == batch.column("tags").null_count == 2


def test_a_field_whose_kind_has_changed_keeps_what_can_be_read():
    old = SampleSchema(categorical=("price", "device"), numeric=("size",))
    rows = [{"price": "1.5", "device": "x", "size": 3.0}, {"price": "dear", "device": None}]
    present = SampleSchema(numeric=("price",), multivalued=("device",), categorical=("size",))
    batch = conform(make_batch(rows, schema=old), present.arrow)
    assert batch.column("price").to_pylist() == [1.5, None]
    assert batch.column("device").to_pylist() == batch.column("size").to_pylist() == [None, None]


@given(st.integers(-(10**13), 10**14))
def test_milliseconds_come_back(milliseconds):
    assert to_ms(from_ms(milliseconds)) == milliseconds
