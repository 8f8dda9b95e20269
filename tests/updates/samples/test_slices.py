"""Slices: read from JSON, refused with the slice and the field, and the rows that they hold."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import SCHEMA
from updates.samples.slices import Between, NewValue, OneOf, SliceError, slices_from_json

PHONES = {"name": "phones", "feature": "device", "in": ["phone"]}


def read(*values):
    return slices_from_json(list(values), SCHEMA)


def test_each_form_of_rule_is_read():
    slices = read(
        {"name": "new-items", "new": "item", "days": 7},
        PHONES,
        {"name": "dear", "feature": "price", "from": 100},
        {"name": "cheap", "feature": "price", "to": 5},
    )
    assert [s.rule for s in slices] == [
        NewValue("item", 7),
        OneOf("device", ("phone",)),
        Between("price", 100, np.inf),
        Between("price", -np.inf, 5),
    ]


def test_user_and_item_may_be_called_by_what_they_are():
    schema = type(SCHEMA)(item="movie", user="viewer")
    [found] = slices_from_json([{"name": "new", "new": "item", "days": 1}], schema)
    assert found.rule.feature == "movie"


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ([{"name": "a", "new": "price", "days": 7}], "Slice “a”, new: must be a field with one"),
        ([{"name": "a", "new": "item", "days": 0}], "Slice “a”, days: must be a number above 0"),
        ([{"name": "a", "new": "item", "days": True}], "Slice “a”, days"),
        ([{"name": "a", "feature": "hour", "in": ["1"]}], "Slice “a”, feature: “in” takes one of"),
        ([{"name": "a", "feature": "device", "in": [1]}], "Slice “a”, in: must be a list of texts"),
        ([{"name": "a", "feature": "device", "in": []}], "Slice “a”, in: must be 1 to 1,000"),
        ([{"name": "a", "feature": "device", "from": 1}], "Slice “a”, feature: “from” and “to”"),
        ([{"name": "a", "feature": "price", "from": "1"}], "Slice “a”, from: must be a number"),
        ([{"name": "a", "feature": "price", "from": 2, "to": 1}], "Slice “a”, to: must be above"),
        ([{"name": "a", "feature": "price"}], "Slice “a”: must be one of"),
        ([{"name": "a|b", "new": "item", "days": 1}], "Slice “1”, name: must be 1 to 60 letters"),
        ([PHONES, PHONES], "Slice “phones”, name: is another slice's too"),
        ([PHONES] * 13, "Slices: at most 12 of them, got 13"),
        (["phones"], "Slice “1”: must be an object"),
        ({}, "Slices: must be a list, got dict"),
    ],
)
def test_what_is_wrong_is_told_by_slice_and_field(value, told):
    with pytest.raises(SliceError, match="Slice") as error:
        slices_from_json(value, SCHEMA)
    assert told in str(error.value)


def test_rows_with_one_of_the_values_are_chosen():
    samples = pa.table(
        {
            "device": pa.array(["phone", "watch", None, "tv"]),
            "genres": pa.array([["a", "b"], [], None, ["b", "b"]], pa.list_(pa.string())),
        }
    )
    assert OneOf("device", ("phone", "tv")).rows(samples).tolist() == [True, False, False, True]
    assert OneOf("genres", ("b", "c")).rows(samples).tolist() == [True, False, False, True]


def test_numbers_are_chosen_from_the_low_end_to_below_the_high_one():
    samples = pa.table({"price": pa.array([1.0, 2.0, 3.0, None])})
    assert Between("price", 2, 3).rows(samples).tolist() == [False, True, False, False]


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["name", "new", "days", "feature", "in", "from"]), inner
            )
        ),
    )
)
def test_whatever_is_sent_is_read_or_refused_with_a_sentence(value):
    try:
        slices_from_json(value, SCHEMA)
    except SliceError as error:
        assert str(error).startswith("Slice")
