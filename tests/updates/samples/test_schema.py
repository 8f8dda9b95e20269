from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from updates.samples.schema import SampleSchema, SchemaError

LETTERS = st.characters(min_codepoint=32, exclude_characters='"\\', exclude_categories=["Cs"])
NAMES = st.lists(st.text(LETTERS, min_size=1, max_size=5), unique=True, min_size=4, max_size=8)


@given(NAMES)
def test_a_schema_comes_back_from_its_json(names):
    reserved = {"label", "event_time", "weight", "arrived_at", "impression"}
    user, item, first, *rest = (f"{name}_" if name in reserved else name for name in names)
    schema = SampleSchema(user, item, (first,), tuple(rest[:1]), tuple(rest[1:]), ((user, first),))
    assert SampleSchema.from_json(schema.to_json()) == schema
    logged = replace(schema, prediction="__p", version="__v")
    assert SampleSchema.from_json(logged.to_json()) == logged


def test_where_nothing_predicted_is_logged_the_json_says_nothing_of_it():
    assert "prediction" not in SampleSchema(user="u").to_json()


WRONG = [
    ({}, "needs at least one feature"),
    ({"categorical": ["label"]}, "label: is reserved"),
    ({"categorical": ['say "hi"']}, "has a quote, a backslash or a control character"),
    ({"categorical": ["C:\\drive"]}, "has a quote, a backslash or a control character"),
    ({"multivalued": ["two\nlines"]}, "has a quote, a backslash or a control character"),
    ({"user": "u", "numeric": ["u"]}, "u: is named more than once"),
    ({"user": "u", "crosses": [["u", "x"]]}, r"crosses: \['u', 'x'\] must be two of the fields"),
    (
        {"user": "u", "numeric": ["n"], "crosses": [["u", "n"]]},
        r"must be two of the fields \['u'\]",
    ),
    ({"user": "u", "item": "i", "crosses": [["u", "i"], ["u", "i"]]}, "is named more than once"),
    ({"user": "u", "crosses": [["u"]]}, "must be a list of pairs"),
    ({"user": 3}, "user: must be a field's name or null, got 3"),
    ({"categorical": "device"}, "categorical: must be a list of field names, got 'device'"),
    ({"categoric": ["device"]}, "categoric: unknown key; allowed are"),
    ([], "must be an object, got list"),
    ({"user": "u", "version": "v"}, "version: names what gave a prediction: name that field too"),
    ({"user": "u", "prediction": "u"}, "u: is named more than once"),
    ({"prediction": "p"}, "needs at least one feature"),
]


@pytest.mark.parametrize(("value", "problem"), WRONG)
def test_a_schema_that_cannot_be_used_says_which_key_is_wrong(value, problem):
    with pytest.raises(SchemaError, match=problem):
        SampleSchema.from_json(value)
