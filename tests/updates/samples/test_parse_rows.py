"""Rules of a sample, the same for every form in which samples come."""

import json
from datetime import UTC, datetime

import pytest

from updates.samples.parse import MAX_ROWS, ParseError, RowError, parse_ndjson, parse_rows
from updates.samples.schema import SampleSchema

SCHEMA = SampleSchema(
    user="user",
    categorical=("device",),
    numeric=("price",),
    multivalued=("genres", "tags"),
    crosses=(("genres", "tags"),),
)
NOW = datetime(2026, 1, 10, tzinfo=UTC)
GOOD = {"label": 1, "event_time": "2026-01-09T00:00:00Z", "user": "u"}
INSTANT = "must be RFC 3339 with an offset or epoch milliseconds"


def ndjson(rows):
    return "\n".join(map(json.dumps, rows)).encode()


PARSERS = {
    "rows": lambda rows: parse_rows(SCHEMA, rows, NOW),
    "ndjson": lambda rows: parse_ndjson(SCHEMA, ndjson(rows), NOW),
}


@pytest.fixture(params=PARSERS)
def parse(request):
    return PARSERS[request.param]


BAD = [
    ({"label": None}, "label", "must be 0 or 1, it is missing"),
    ({"label": 0.5}, "label", "must be 0 or 1, got 0.5"),
    ({"label": float("nan")}, "label", "must be 0 or 1, got nan"),
    ({"label": "1"}, "label", "must be a finite number, got '1'"),
    ({"label": True}, "label", "must be a finite number, got True"),
    ({"event_time": None}, "event_time", f"{INSTANT}, it is missing"),
    ({"event_time": "yesterday"}, "event_time", f"{INSTANT}, got 'yesterday'"),
    ({"event_time": "2026-01-09T00:00:00"}, "event_time", f"{INSTANT}, got '2026-01-09T00:00:00'"),
    ({"event_time": True}, "event_time", f"{INSTANT}, got True"),
    ({"event_time": 10**30}, "event_time", f"{INSTANT}, got '1{'0' * 30}'"),
    ({"event_time": float("inf")}, "event_time", f"{INSTANT}, got 'inf'"),
    ({"event_time": -1}, "event_time", "must not be before 1970, got '-1'"),
    (
        {"event_time": "2026-01-11T00:00:00.001Z"},
        "event_time",
        "must not be more than a day in the future, got '2026-01-11T00:00:00.001Z'",
    ),
    ({"weight": -0.5}, "weight", "must be a finite number from 0, got -0.5"),
    ({"weight": 1e39}, "weight", "must be a finite number from 0, got 1e+39"),
    ({"weight": float("nan")}, "weight", "must be a finite number from 0, got nan"),
    ({"price": float("-inf")}, "price", "must be a finite number, got -inf"),
    ({"price": 10**400}, "price", f"must be a finite number, got 1{'0' * 56}..."),
    ({"price": "3"}, "price", "must be a finite number, got '3'"),
    ({"user": 7}, "user", "must be a string of Unicode, got 7"),
    ({"user": "\ud800"}, "user", "must be a string of Unicode, got '\\ud800'"),
    ({"user": "é" * 1025}, "user", f"must have at most 1024 characters, got '{'é' * 56}..."),
    ({"genres": "drama"}, "genres", "must be a list of strings of Unicode, got 'drama'"),
    ({"genres": ["a", None]}, "genres", "must be a list of strings of Unicode, got ['a', None]"),
    ({"genres": ["x" * 1025]}, "genres", "must hold strings of at most 1024 characters, got ["),
    ({"genres": ["a"] * 1001}, "genres", "must have at most 1000 values, got ['a', 'a'"),
    ({"color": "red"}, "color", "is not a field of the schema: label, event_time, weight, user"),
    ({"arrived_at": 0}, "arrived_at", "is not a field of the schema"),
]


@pytest.mark.parametrize(("change", "field", "error"), BAD)
def test_a_bad_row_is_refused_by_field_and_its_neighbours_land(parse, change, field, error):
    parsed = parse([GOOD | {"user": "before"}, GOOD | change, GOOD | {"user": "after"}])
    assert parsed.batch["user"].to_pylist() == ["before", "after"]
    [refused] = parsed.errors
    assert (refused.row, refused.field) == (1, field)
    assert refused.error.startswith(error)


EVENT_TIMES = [
    ("2026-01-09T00:00:00Z", 1_767_916_800_000),
    ("2026-01-09T02:00:00.1234567+02:00", 1_767_916_800_123),
    ("2026-01-09T00:00:00.999999999Z", 1_767_916_800_999),
    (1_767_916_800_000, 1_767_916_800_000),
    (1_767_916_800_000.9, 1_767_916_800_000),
    (0, 0),
    ("2026-01-11T00:00:00Z", 1_768_089_600_000),
]


@pytest.mark.parametrize(("sent", "milliseconds"), EVENT_TIMES)
def test_event_time_is_read_to_the_millisecond(parse, sent, milliseconds):
    parsed = parse([GOOD | {"event_time": sent}])
    assert not parsed.errors
    assert parsed.batch["event_time"].view("int64").to_pylist() == [milliseconds]


def test_event_times_of_both_kinds_may_be_mixed(parse):
    parsed = parse([GOOD | {"event_time": sent} for sent, _ in EVENT_TIMES])
    expected = [milliseconds for _, milliseconds in EVENT_TIMES]
    assert parsed.batch["event_time"].view("int64").to_pylist() == expected


def test_what_a_row_leaves_out_is_null_and_its_weight_is_1(parse):
    parsed = parse([GOOD])
    assert parsed.batch.schema.equals(SCHEMA.arrow)
    [row] = parsed.batch.to_pylist()
    assert row.pop("event_time") == datetime(2026, 1, 9, tzinfo=UTC)
    left_out = {"device": None, "price": None, "genres": None, "tags": None}
    assert row == {"label": 1, "weight": 1, "user": "u"} | left_out


def test_a_repeated_value_of_a_list_is_kept_once_where_it_first_stood(parse):
    sent = [["b", "a", "b"], None, [], ["b", "c"], ["c", "c"]]
    parsed = parse([GOOD | {"genres": genres} for genres in sent])
    assert parsed.batch["genres"].to_pylist() == [["b", "a"], None, [], ["b", "c"], ["c"]]


def test_repeats_are_dropped_beside_refused_rows(parse):
    rows = [GOOD | {"genres": ["a", "a"]}, GOOD | {"label": 7}, GOOD | {"genres": ["b", "b"]}]
    assert parse(rows).batch["genres"].to_pylist() == [["a"], ["b"]]


def test_a_row_with_too_many_products_of_two_lists_is_refused(parse):
    many = {"genres": [f"g{i}" for i in range(101)], "tags": [f"t{i}" for i in range(100)]}
    parsed = parse([GOOD | many])
    assert parsed.errors[0].field == "genres"
    assert parsed.errors[0].error.startswith("genres×tags must have at most 10000 products")


def test_a_row_with_several_faults_has_one_error(parse):
    parsed = parse([GOOD | {"label": 3, "price": float("inf"), "weight": -1}])
    assert parsed.errors == [RowError(0, "label", "must be 0 or 1, got 3.0")]


def test_errors_come_in_the_order_of_the_rows(parse):
    rows = [GOOD | {"weight": -1}, GOOD | {"user": 3}, GOOD, 5, GOOD | {"label": 2}]
    parsed = parse(rows)
    assert [(e.row, e.field) for e in parsed.errors] == [
        (0, "weight"),
        (1, "user"),
        (3, ""),
        (4, "label"),
    ]
    assert parsed.batch.num_rows == 1


def test_a_row_that_is_no_object_says_what_came(parse):
    assert parse([GOOD, ["a"]]).errors == [RowError(1, "", "must be an object, got ['a']")]


def test_no_rows_are_an_empty_batch(parse):
    parsed = parse([])
    assert parsed.batch.num_rows == 0
    assert parsed.batch.schema.equals(SCHEMA.arrow)
    assert parsed.errors == []


def test_the_present_is_now_unless_given():
    parsed = parse_rows(SCHEMA, [GOOD | {"event_time": datetime.now(UTC).isoformat()}])
    assert parsed.batch.num_rows == 1


def test_a_request_with_too_many_rows_is_refused_whole():
    with pytest.raises(ParseError, match="holds 100001 rows, at most 100000 are allowed"):
        parse_rows(SCHEMA, [{}] * (MAX_ROWS + 1), NOW)
