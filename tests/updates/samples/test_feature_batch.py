import pytest

from updates.samples.parse import ParseError, RowError, feature_batch
from updates.samples.schema import SampleSchema

SCHEMA = SampleSchema(user="user", categorical=("device",), multivalued=("genres",))


def test_rows_to_score_need_no_label_and_no_time():
    batch = feature_batch(SCHEMA, [{"user": "u", "genres": ["a", "a"]}, {}])
    assert batch.schema.equals(SCHEMA.arrow)
    assert batch["label"].to_pylist() == [0, 0]
    assert batch["event_time"].view("int64").to_pylist() == [0, 0]
    assert batch["weight"].to_pylist() == [1, 1]
    assert batch.select(["user", "genres"]).to_pylist() == [
        {"user": "u", "genres": ["a"]},
        {"user": None, "genres": None},
    ]


def test_a_label_or_a_time_that_comes_along_is_not_looked_at():
    row = {"label": "soon", "event_time": None, "weight": -1, "user": "u"}
    assert feature_batch(SCHEMA, [row]).num_rows == 1


def test_one_bad_row_refuses_all_and_every_bad_row_is_named():
    rows = [{"user": "u"}, {"usr": "u"}, {"device": "x" * 1025}, {"genres": 3}]
    with pytest.raises(ParseError, match="row 1: usr is not a field of the schema") as refused:
        feature_batch(SCHEMA, rows)
    assert [(e.row, e.field) for e in refused.value.errors] == [
        (1, "usr"),
        (2, "device"),
        (3, "genres"),
    ]
    assert refused.value.errors[2] == RowError(
        3, "genres", "must be a list of strings of Unicode, got 3"
    )
