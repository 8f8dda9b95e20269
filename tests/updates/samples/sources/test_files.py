import json
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from updates.samples.errors import ParseError
from updates.samples.schema import SampleSchema
from updates.samples.sources import SourceMissing, open_source
from updates.samples.sources.files import CsvFile, NdjsonFile, ParquetFile

SCHEMA = SampleSchema(user="user", numeric=("price",), multivalued=("genres",))
ROWS = [
    {"label": i % 2, "event_time": 1000 * i, "user": f"u, {i}", "genres": ["a", f"g{i}"]}
    for i in range(7)
]
BAD = {2: ("label", 5), 5: ("event_time", "x")}


def as_csv(path, rows):
    def cell(value):
        return "|".join(value) if isinstance(value, list) else f'"{value}"'

    lines = [",".join(map(cell, row.values())) for row in rows]
    path.write_text("\n".join([",".join(ROWS[0]), *lines]) + "\n")


def as_ndjson(path, rows):
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")


def as_parquet(path, rows):
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    columns["event_time"] = [str(value) for value in columns["event_time"]]
    pq.write_table(pa.table(columns), path)


WRITERS = {"csv": as_csv, "ndjson": as_ndjson, "jsonl": as_ndjson, "parquet": as_parquet}
KINDS = {"csv": CsvFile, "ndjson": NdjsonFile, "parquet": ParquetFile}


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_file_of_any_kind_gives_its_rows(suffix, tmp_path):
    path = tmp_path / f"samples.{suffix}"
    WRITERS[suffix](path, ROWS)
    source = open_source(str(path), SCHEMA)
    [batch] = source
    assert batch.schema.equals(SCHEMA.arrow)
    expected = [
        {
            **row,
            "event_time": datetime.fromtimestamp(row["event_time"] / 1000, UTC),
            "price": None,
            "weight": 1,
        }
        for row in ROWS
    ]
    assert batch.to_pylist() == expected
    assert source.total_rows == (None if suffix == "csv" else 7)


@pytest.mark.parametrize("suffix", KINDS)
@pytest.mark.parametrize("batch_rows", [1, 3, 100])
def test_bad_rows_are_named_by_their_number_in_the_file(suffix, batch_rows, tmp_path):
    path = tmp_path / f"samples.{suffix}"
    rows = [row | dict([BAD[i]]) if i in BAD else row for i, row in enumerate(ROWS)]
    WRITERS[suffix](path, rows)
    parsed = list(KINDS[suffix](path, SCHEMA, batch_rows).parsed())
    errors = [(e.row, e.field) for batch in parsed for e in batch.errors]
    assert errors == [(2, "label"), (5, "event_time")]
    assert sum(batch.batch.num_rows for batch in parsed) == 5
    assert max(batch.batch.num_rows for batch in parsed) <= batch_rows


def csv_of(tmp_path, text, batch_rows=100):
    path = tmp_path / "samples.csv"
    path.write_text(text)
    return CsvFile(path, SCHEMA, batch_rows)


def test_an_empty_cell_of_a_csv_is_null(tmp_path):
    [batch] = csv_of(tmp_path, "label,event_time,user,price,genres\n1,0,,,\n0,1,u,2.5,a\n")
    assert batch.select(["user", "price", "genres"]).to_pylist() == [
        {"user": None, "price": None, "genres": None},
        {"user": "u", "price": 2.5, "genres": ["a"]},
    ]


@pytest.mark.parametrize("batch_rows", [1, 100])
def test_a_csv_row_with_too_few_or_too_many_cells_is_refused(batch_rows, tmp_path):
    source = csv_of(tmp_path, "label,event_time\n1,0\n1\n1,0,3\n7,0\n0,5\n", batch_rows)
    parsed = list(source.parsed())
    errors = [(e.row, e.error) for batch in parsed for e in batch.errors]
    assert errors == [
        (1, "must have 2 cells, as the header has, got 1"),
        (2, "must have 2 cells, as the header has, got 3"),
        (3, "must be 0 or 1, got '7'"),
    ]
    assert sum(batch.batch.num_rows for batch in parsed) == 2


def test_a_csv_column_that_the_schema_does_not_have_is_refused(tmp_path):
    with pytest.raises(ParseError, match=r"samples.csv from row 0: column 'usr' is not in the sch"):
        list(csv_of(tmp_path, "label,event_time,usr\n1,0,u\n"))


def test_a_csv_that_is_not_utf_8_is_refused(tmp_path):
    (tmp_path / "samples.csv").write_bytes(b"label,event_time,user\n1,0,\xff\n")
    with pytest.raises(ParseError, match=r"samples.csv from row 0: 'utf-8' codec can't decode"):
        list(CsvFile(tmp_path / "samples.csv", SCHEMA))


def test_a_file_of_a_header_alone_has_no_batch(tmp_path):
    assert list(csv_of(tmp_path, "label,event_time\n")) == []


def test_a_torn_last_line_of_ndjson_loses_nothing_before_it(tmp_path):
    path = tmp_path / "samples.ndjson"
    path.write_text("\n".join(map(json.dumps, ROWS[:3])) + '\n{"label": 1, "ev')
    parsed = list(NdjsonFile(path, SCHEMA, batch_rows=3).parsed())
    assert [batch.batch.num_rows for batch in parsed] == [3, 0]
    assert [error.row for error in parsed[1].errors] == [3]


def test_a_file_that_is_no_ndjson_is_refused_by_name(tmp_path):
    path = tmp_path / "samples.ndjson"
    path.write_text("label,user\n1,u\n")
    with pytest.raises(ParseError, match=r"samples.ndjson from row 0: not newline-delimited JSON"):
        list(NdjsonFile(path, SCHEMA))


def test_a_file_that_is_no_parquet_is_refused_by_name(tmp_path):
    path = tmp_path / "samples.parquet"
    path.write_text("PAR1 no")
    with pytest.raises(ParseError, match=r"samples.parquet: "):
        open_source(path, SCHEMA)


@pytest.mark.parametrize("name", ["ml-1b", "missing.csv", "samples.xlsx"])
def test_a_source_that_is_not_there_lists_those_that_are(name):
    there_are = "there are ml-100k, open-bandit, or a file"
    with pytest.raises(SourceMissing, match=f"no source '{name}'; {there_are}"):
        open_source(name, SCHEMA)


def test_a_file_needs_a_schema(tmp_path):
    (tmp_path / "samples.csv").touch()
    with pytest.raises(ValueError, match=r"samples.csv needs a schema"):
        open_source(tmp_path / "samples.csv")
