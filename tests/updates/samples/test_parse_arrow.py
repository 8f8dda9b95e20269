from contextlib import suppress
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from updates.samples.parse import MAX_ROWS, ParseError, parse_arrow, parse_rows
from updates.samples.schema import SampleSchema

SCHEMA = SampleSchema(user="user", numeric=("price",), multivalued=("genres",))
NOW = datetime(2026, 1, 10, tzinfo=UTC)
GOOD = {"label": [1, 0], "event_time": [0, 1], "user": ["a", "b"]}


def stream(columns: dict, compression: str | None = None, parts: int = 1) -> bytes:
    table = pa.table(columns)
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table, max_chunksize=-(-table.num_rows // parts) or 1)
    return sink.getvalue().to_pybytes()


def parse(columns: dict, **kwargs):
    return parse_arrow(SCHEMA, stream(columns, **kwargs), NOW)


def changed(values: list, kind: pa.DataType, name: str):
    return parse(GOOD | {name: pa.array(values, kind)})


TEXTS = [
    (["x", None], pa.large_string()),
    (["x", None], pa.string_view()),
    (["x", None], pa.dictionary(pa.int8(), pa.string())),
    (["x", None], pa.dictionary(pa.uint32(), pa.large_string())),
    ([42, None], pa.int16()),
    ([2**64 - 1, None], pa.uint64()),
    ([None, None], pa.null()),
]


@pytest.mark.parametrize(("values", "kind"), TEXTS, ids=str)
def test_strings_come_in_any_layout_and_as_integers(values, kind):
    expected = [None if value is None else str(value) for value in values]
    assert changed(values, kind, "user").batch["user"].to_pylist() == expected


@pytest.mark.parametrize("kind", [pa.int8(), pa.float32(), pa.bool_(), pa.uint64(), pa.string()])
def test_labels_come_as_numbers_booleans_and_digits(kind):
    values = pa.array([1, 0]).cast(kind).to_pylist()
    assert changed(values, kind, "label").batch["label"].to_pylist() == [1, 0]


EVENT_TIMES = [
    ([1_700_000_000, 0], pa.timestamp("s")),
    ([1_700_000_000_000, 0], pa.timestamp("ms", "Europe/Paris")),
    ([1_700_000_000_000_999, 999], pa.timestamp("us", "UTC")),
    ([1_700_000_000_000_999_999, 0], pa.timestamp("ns")),
    ([1_700_000_000_000, 0], pa.int64()),
    ([1_700_000_000_000.0, 0.5], pa.float64()),
    (["2023-11-14T22:13:20Z", "1970-01-01T01:00:00+01:00"], pa.string()),
    (["1700000000000", "1970-01-01T00:00:00Z"], pa.string()),
]


@pytest.mark.parametrize(("values", "kind"), EVENT_TIMES, ids=str)
def test_event_times_come_as_timestamps_of_any_unit_numbers_and_rfc_3339(values, kind):
    times = changed(values, kind, "event_time").batch["event_time"]
    assert times.view("int64").to_pylist() == [1_700_000_000_000, 0]


LISTS = [
    pa.large_list(pa.large_string()),
    pa.list_(pa.string(), 2),
    pa.list_(pa.dictionary(pa.int8(), pa.string())),
    pa.list_(pa.string_view()),
]


@pytest.mark.parametrize("kind", LISTS, ids=str)
def test_lists_come_in_any_layout(kind):
    sent = [["x", "y"], None]
    assert changed(sent, kind, "genres").batch["genres"].to_pylist() == sent


def test_lists_of_integers_and_of_nothing_become_lists_of_strings():
    batch = changed([[1, 2], []], pa.list_(pa.int32()), "genres").batch
    assert batch["genres"].to_pylist() == [["1", "2"], []]
    assert changed([[], []], pa.list_(pa.null()), "genres").batch["genres"].to_pylist() == [[], []]


UNREADABLE = [
    ("user", [1.5, 2.5], pa.float64(), "double cannot become strings"),
    ("user", [b"a", b"b"], pa.binary(), "binary cannot become strings"),
    ("price", [{"a": 1}, None], pa.struct({"a": pa.int8()}), r"struct<.*> cannot become numbers"),
    ("event_time", [1, 2], pa.date32(), "date32.* cannot become times"),
    ("genres", ["a", "b"], pa.string(), "string cannot become lists of strings"),
    ("genres", [[1.5], []], pa.list_(pa.float64()), "double cannot become strings"),
    ("genres", [["a"], []], pa.list_view(pa.string()), "list_view.* cannot become lists"),
]


@pytest.mark.parametrize(("name", "values", "kind", "error"), UNREADABLE)
def test_a_column_of_a_type_that_does_not_cast_is_refused_by_name(name, values, kind, error):
    with pytest.raises(ParseError, match=f"column '{name}': {error}"):
        changed(values, kind, name)


BAD_VALUES = [
    ("label", [1, 2], pa.int8(), "must be 0 or 1, got 2"),
    ("label", ["1", "yes"], pa.string(), "must be 0 or 1, got 'yes'"),
    ("event_time", [0, 2**62], pa.timestamp("s"), "must be RFC 3339 with an offset or epoch"),
    ("event_time", ["2026-01-01T00:00:00Z", ""], pa.string(), "must be RFC 3339 with an offset"),
    ("price", [1.0, float("nan")], pa.float32(), "must be a finite number, got nan"),
    ("price", ["1e3", "x"], pa.string(), "must be a finite number, got 'x'"),
    ("genres", [["a"], [None]], pa.list_(pa.string()), "must hold strings, got [None]"),
]


@pytest.mark.parametrize(("name", "values", "kind", "error"), BAD_VALUES)
def test_a_bad_value_refuses_its_row_alone(name, values, kind, error):
    parsed = changed(values, kind, name)
    assert parsed.batch["user"].to_pylist() == ["a"]
    assert [(e.row, e.field) for e in parsed.errors] == [(1, name)]
    assert parsed.errors[0].error.startswith(error)


def test_each_of_many_bad_values_is_found():
    texts = [f"2026-01-01T00:00:{i:02}Z" if i % 3 else f"bad {i}" for i in range(60)]
    parsed = parse({"label": [1] * 60, "event_time": texts})
    assert [error.row for error in parsed.errors] == list(range(0, 60, 3))


def test_an_unknown_column_refuses_the_body():
    with pytest.raises(ParseError, match="column 'usr' is not in the schema: label, event_time"):
        parse(GOOD | {"usr": ["a", "b"]})


def test_a_column_that_comes_twice_refuses_the_body():
    table = pa.table([[1], [0], [0]], names=["label", "event_time", "label"])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    with pytest.raises(ParseError, match="column 'label' came 2 times"):
        parse_arrow(SCHEMA, sink.getvalue().to_pybytes(), NOW)


@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
@pytest.mark.parametrize("parts", [1, 3])
def test_batches_are_read_as_the_same_rows_of_json_are(compression, parts):
    rows = [
        {"label": i % 2, "event_time": i, "user": f"u{i % 5}", "genres": ["a", f"g{i % 3}", "a"]}
        for i in range(500)
    ]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    columns["user"] = pa.array(columns["user"]).dictionary_encode()
    parsed = parse(columns, compression=compression, parts=parts)
    assert parsed.batch.equals(parse_rows(SCHEMA, rows, NOW).batch)


def test_values_that_a_null_list_hides_do_not_come_back_where_repeats_are_dropped():
    offsets, values = pa.array([0, 2, 4], pa.int32()), pa.array(["x", "y", "a", "a"])
    lists = pa.ListArray.from_arrays(offsets, values, mask=pa.array([True, False]))
    assert parse(GOOD | {"genres": lists}).batch["genres"].to_pylist() == [None, ["a"]]


def test_no_rows_are_an_empty_batch():
    parsed = parse({"label": [], "event_time": []})
    assert parsed.batch.num_rows == 0
    assert parsed.batch.schema.equals(SCHEMA.arrow)


@pytest.mark.parametrize("body", [b"", b"[]", b"ARROW1\0\0", b"\xff" * 64, stream(GOOD)[:200]])
def test_a_body_that_is_no_stream_is_refused(body):
    with pytest.raises(ParseError, match="not an Arrow IPC stream"):
        parse_arrow(SCHEMA, body, NOW)


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_a_small_body_that_decompresses_to_gigabytes_is_refused(compression):
    big = pa.array(np.zeros(1 << 26))
    body = stream({"price": big}, compression)
    assert len(body) < 1 << 22
    with pytest.raises(ParseError, match="holds 536870912 bytes decompressed, at most 268435456"):
        parse_arrow(SCHEMA, body, NOW)


def test_a_dictionary_that_stands_for_gigabytes_is_refused():
    values = pa.DictionaryArray.from_arrays(np.zeros(50_000, np.int8), ["x" * 10_000])
    zeros = [0] * 50_000
    with pytest.raises(ParseError, match="column 'user': holds 500000000 bytes of strings"):
        parse({"label": zeros, "event_time": zeros, "user": values})


def test_views_that_stand_for_gigabytes_are_refused():
    view = np.array([100_000, 0, 0, 0], np.int32)  # length, prefix, buffer, offset
    view[1:2].view("S4")[0] = b"xxxx"
    buffers = [None, pa.py_buffer(np.tile(view, 5000)), pa.py_buffer(b"x" * 100_000)]
    views = pa.Array.from_buffers(pa.string_view(), 5000, buffers)
    views.validate(full=True)
    zeros = [0] * 5000
    with pytest.raises(ParseError, match="column 'user': holds 500000000 bytes of strings"):
        parse({"label": zeros, "event_time": zeros, "user": views})


def test_rows_without_a_byte_are_counted_too():
    body = stream({"user": pa.nulls(MAX_ROWS + 1)})
    with pytest.raises(ParseError, match="holds 100001 rows"):
        parse_arrow(SCHEMA, body, NOW)


BODIES = [
    stream(
        GOOD
        | {"user": pa.array(["a", "b"]).dictionary_encode(), "genres": [["x", "y"], None]}
        | {"price": pa.array([1.5, None])},
        compression,
    )
    for compression in (None, "lz4", "zstd")
]


@settings(max_examples=300)
@given(
    st.sampled_from(BODIES),
    st.lists(st.tuples(st.integers(0, 4000), st.binary(min_size=1, max_size=8)), max_size=4),
    st.integers(0, 4000),
)
@example(BODIES[1], [], 1)
def test_a_corrupted_stream_is_parsed_or_refused(body, changes, cut):
    broken = bytearray(body[: len(body) - cut % len(body)])
    for at, noise in changes:
        place = at % (len(broken) or 1)
        broken[place : place + len(noise)] = noise
    with suppress(ParseError):
        parse_arrow(SCHEMA, bytes(broken), NOW)
