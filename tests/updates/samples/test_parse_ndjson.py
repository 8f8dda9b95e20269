import json
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from updates.samples.parse import ParseError, RowError, parse_ndjson, parse_rows
from updates.samples.schema import SampleSchema

SCHEMA = SampleSchema(user="user", numeric=("price",), multivalued=("genres",))
NOW = datetime(2026, 1, 10, tzinfo=UTC)
GOOD = b'{"label": 1, "event_time": 0, "user": "u"}'


def users(body: bytes) -> list[str]:
    return parse_ndjson(SCHEMA, body, NOW).batch["user"].to_pylist()


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\n\n \n"])
@pytest.mark.parametrize("between", [b"\n", b"\r\n", b"\n\n", b"\n \n"])
def test_blank_lines_are_no_rows(between, end):
    parsed = parse_ndjson(SCHEMA, GOOD + between + b'{"label": 2}' + end, NOW)
    assert parsed.batch.num_rows == 1
    assert [error.row for error in parsed.errors] == [1]


BROKEN = {
    b"{": "is not JSON: ",
    GOOD + b" " + GOOD: "is not JSON: Extra data",
    b'{"user": "\xff"}': "is not UTF-8 at byte 10",
    b'{"a":' * 100_000: "is not JSON: maximum recursion depth",
    b"[" * 100_000: "is not JSON: maximum recursion depth",
    b"\x00": "is not JSON: ",
    b"\xef\xbb\xbf{}": "is not JSON: ",
}


@pytest.mark.parametrize(("line", "error"), BROKEN.items(), ids=range(len(BROKEN)))
def test_a_broken_line_is_refused_and_its_neighbours_land(line, error):
    parsed = parse_ndjson(SCHEMA, b"\n".join([GOOD, line, GOOD]), NOW)
    assert parsed.batch.num_rows == 2
    [refused] = parsed.errors
    assert (refused.row, refused.field) == (1, "")
    assert refused.error.startswith(error)


# pyarrow 26's own JSON reader ends the process here.
def test_a_line_that_is_null_is_refused():
    parsed = parse_ndjson(SCHEMA, b"null\n" + GOOD, NOW)
    assert parsed.errors == [RowError(0, "", "must be an object, got None")]
    assert parsed.batch.num_rows == 1


def test_a_row_over_several_lines_is_no_row():
    with pytest.raises(ParseError, match="not newline-delimited JSON: the first line is not JSON"):
        parse_ndjson(SCHEMA, json.dumps(json.loads(GOOD), indent=1).encode(), NOW)


@pytest.mark.parametrize("body", [b"user,item\n1,2\n", b"\x00\x01\x02", b"\xff\xff\xff\xff"])
def test_a_body_without_one_line_of_json_is_refused_whole(body):
    with pytest.raises(ParseError, match="not newline-delimited JSON"):
        parse_ndjson(SCHEMA, body, NOW)


def test_the_last_of_two_equal_names_counts_beside_bad_rows_too():
    row = b'{"label": 1, "event_time": 0, "user": "a", "user": "b"}'
    assert users(row) == users(row + b"\n{") == ["b"]


FIELDS = {
    "label": st.sampled_from([0, 1, 1.0, 2, "1", None, True]),
    "event_time": st.sampled_from([0, 5.5, "2026-01-09T00:00:00+01:00", "x", None, 2**64]),
    "weight": st.none() | st.floats() | st.sampled_from([0, "w"]),
    "user": st.none() | st.text(max_size=5) | st.integers(),
    "price": st.none() | st.floats() | st.integers(),
    "genres": st.none() | st.lists(st.text(max_size=2) | st.none(), max_size=4),
    "other": st.just(1),
}
ROWS = st.lists(st.fixed_dictionaries({}, optional=FIELDS) | st.none(), max_size=6)


@given(ROWS)
def test_lines_are_parsed_as_the_decoded_rows_are(rows):
    body = "\n".join(map(json.dumps, rows)).encode()
    lines, decoded = parse_ndjson(SCHEMA, body, NOW), parse_rows(SCHEMA, rows, NOW)
    assert lines.batch.equals(decoded.batch)
    assert lines.errors == decoded.errors


@given(ROWS)
def test_every_row_lands_or_has_one_error(rows):
    parsed = parse_rows(SCHEMA, rows, NOW)
    alone = [parse_rows(SCHEMA, [row], NOW) for row in rows]
    assert [e.row for e in parsed.errors] == [i for i, p in enumerate(alone) if p.errors]
    assert parsed.batch.to_pylist() == [row for p in alone for row in p.batch.to_pylist()]


@given(st.binary(max_size=200), st.integers(0, 300))
def test_any_bytes_are_parsed_or_refused(noise, at):
    body = b"\n".join([GOOD] * 5)
    with suppress(ParseError):
        parse_ndjson(SCHEMA, body[:at] + noise + body[at + len(noise) :], NOW)
