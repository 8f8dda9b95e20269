import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from updates.samples.errors import ParseError
from updates.samples.forms import SAMPLES
from updates.samples.json_columns import ColumnScanner
from updates.samples.rows import RowReader
from updates.samples.schema import SampleSchema

SCHEMA = SampleSchema(
    user="user", categorical=("city's é",), numeric=("price",), multivalued=("genres", "tags")
)
SCANNER = ColumnScanner(SAMPLES.kinds(SCHEMA))


def as_columns(body: bytes) -> dict[str, list[object]] | None:
    read = SCANNER.read(body)
    return read and {name: column.to_pylist() for name, column in read[1].items()}


def carefully(body: bytes):
    """What the reader without a scanner makes of a body: columns, and what was refused."""
    reader = RowReader(SCHEMA, SAMPLES)
    reader._scanner = None
    return reader.read_lines(body)


TAKEN = {
    '{"user":"u"}': {"user": "u"},
    '{ "user" :\t"u" , "price": 1 }\r': {"user": "u", "price": 1.0},
    '{"user":"longer than a word of eight bytes"}': {"user": "longer than a word of eight bytes"},
    '{"user":"é\U0001f600"}': {"user": "é\U0001f600"},
    r'{"user":"\" \\ \/ \b \f \n \r \t \u0041 \u00e9 \u20ac"}': {
        "user": '" \\ / \b \f \n \r \t A é €'
    },
    '{"user":"a","user":"b"}': {"user": "b"},
    '{"user":null,"genres":null}': {},
    "{}": {},
    '{"genres":[],"tags":["x", "y\\n"]}': {"genres": [], "tags": ["x", "y\n"]},
    '{"price":-1.25e-3,"label":0,"weight":0.30000000000000004}': {
        "price": -1.25e-3,
        "label": 0.0,
        "weight": 0.30000000000000004,
    },
    '{"city\'s é":"v"}': {"city's é": "v"},
    '{"event_time":1767225600000}': {"event_time": 1767225600000},
    '{"event_time":"2026-01-01T00:00:00Z"}': {"event_time": "2026-01-01T00:00:00Z"},
}


@pytest.mark.parametrize(("line", "values"), TAKEN.items(), ids=range(len(TAKEN)))
def test_what_clients_send_is_scanned(line, values):
    # Enough of other fields that the row is not taken for one of mostly empty cells.
    filler = '{"user":"some user","genres":["of some","length"]}'
    columns = as_columns("\n".join([filler, line, "", filler, ""]).encode())
    assert columns is not None
    assert {name: column[1] for name, column in columns.items()} == dict.fromkeys(columns) | values
    assert columns["user"][::2] == ["some user"] * 2


LEFT = [
    '{"user":1}',
    '{"user":"\\ud83d\\ude00"}',
    '{"user":"\\x"}',
    '{"user":"\\u00g0"}',
    '{"user":"a\tb"}',
    '{"user":"u"',
    '{"user":"u',
    '{"user":"u",}',
    '{"user":"u"} {}',
    '{"user" "u"}',
    '{"us\\u0065r":"u"}',
    '{"other":1}',
    '{"price":01}',
    '{"price":1.}',
    '{"price":.5}',
    '{"price":+1}',
    '{"price":1e}',
    '{"price":1e999}',
    '{"price":NaN}',
    '{"price":"1"}',
    '{"label":true}',
    '{"event_time":1.5}',
    '{"event_time":9223372036854775808}',
    '{"event_time":"x","event_time":1}',
    '{"genres":["a",]}',
    '{"genres":["a" "b"]}',
    '{"genres":[1]}',
    '{"genres":"a"}',
    '{"user":["a"]}',
    '{"user":nul}',
    "null",
    "[]",
]


@pytest.mark.parametrize("line", LEFT)
def test_what_is_rare_or_wrong_is_left_to_the_careful_reader(line):
    filler = '{"user":"some user","genres":["of some","length"]}'
    for lines in ([line, filler, filler], [filler, filler, line]):
        assert SCANNER.read("\n".join(lines).encode()) is None


def test_bytes_that_are_not_utf8_are_left():
    assert SCANNER.read(b'{"user":"\xff", "genres": ["of some", "length"]}') is None


def test_more_cells_than_bytes_are_not_reserved():
    assert SCANNER.read(b"\n" * 1_000_000) is None


TEXTS = st.text(max_size=20)
ROWS = st.lists(
    st.fixed_dictionaries(
        {"event_time": st.integers(-(2**64), 2**64) | TEXTS | st.none()},
        optional={
            "label": st.sampled_from([0, 1, 0.5, None]),
            "weight": st.floats(allow_nan=False) | st.integers(),
            "user": st.none() | TEXTS,
            "city's é": TEXTS,
            "genres": st.none() | st.lists(TEXTS, max_size=3),
            "tags": st.lists(TEXTS, max_size=3),
        },
    ),
    min_size=1,
    max_size=5,
)


@given(ROWS, st.booleans(), st.sampled_from([(",", ":"), (", ", ": ")]), st.randoms())
def test_a_scanned_body_is_read_as_by_the_careful_reader(rows, ascii_only, separators, random):
    lines = []
    for row in rows:
        names = list(row)
        random.shuffle(names)
        shuffled = {name: row[name] for name in names}
        lines.append(json.dumps(shuffled, ensure_ascii=ascii_only, separators=separators))
    agree("\n".join(lines).encode("utf-8", "surrogatepass"))


@given(st.binary(max_size=6), st.integers(0, 200))
def test_a_damaged_body_is_left_or_read_as_by_the_careful_reader(noise, at):
    body = b"\n".join([b'{"user":"u","genres":["a\\n","b"],"price":-1.5e3,"event_time":12}'] * 3)
    agree(body[:at] + noise + body[at + len(noise) :])


def agree(body: bytes) -> None:
    scanned = SCANNER.read(body)
    if scanned is None:
        return
    try:
        careful = carefully(body)
    except ParseError as error:
        pytest.fail(f"scanned what is no NDJSON: {error}")
    count, columns = scanned
    assert careful.errors == []
    assert count == len(careful.numbers)
    assert {n: c.to_pylist() for n, c in columns.items()} == {
        n: c.to_pylist() for n, c in careful.columns.items()
    }
    for column in columns.values():
        column.validate(full=True)
