"""What clients send → a canonical Arrow batch, and the rows that were refused.

A bad row is refused with its number, its first field at fault and what is wrong; the good rows land
in the order in which they came. A body that cannot be read at all raises ParseError.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pyarrow as pa

from updates.samples.checks import Checker
from updates.samples.errors import ParseError, RowError
from updates.samples.forms import SAMPLES, SCORING, Form
from updates.samples.ipc import Body, from_ipc, read_untrusted, to_ipc
from updates.samples.rows import Rows, row_reader
from updates.samples.schema import SampleSchema

__all__ = [
    "MAX_ROWS",
    "ParseError",
    "ParsedBatch",
    "RowError",
    "feature_batch",
    "from_ipc",
    "parse_arrow",
    "parse_ndjson",
    "parse_rows",
    "parse_table",
    "to_ipc",
]

MAX_ROWS = 100_000


@dataclass(frozen=True)
class ParsedBatch:
    """The good rows as a batch, of samples with the columns of ``schema.arrow``, and the others.

    errors : one a refused row, by row.
    """

    batch: pa.RecordBatch
    errors: list[RowError]


def parse_rows(
    schema: SampleSchema,
    rows: Sequence[object],
    now: datetime | None = None,
    form: Form = SAMPLES,
) -> ParsedBatch:
    """Parse decoded JSON objects; ``now`` is the present time unless given."""
    return _check_rows(schema, row_reader(schema, form).read_rows(rows), form, now)


def parse_ndjson(
    schema: SampleSchema, body: bytes, now: datetime | None = None, form: Form = SAMPLES
) -> ParsedBatch:
    """Parse newline-delimited JSON objects; blank lines don't count as rows."""
    return _check_rows(schema, row_reader(schema, form).read_lines(body), form, now)


def feature_batch(schema: SampleSchema, rows: Sequence[object]) -> pa.RecordBatch:
    """Rows to score, all of them, as a batch: a score belongs to the row at its place.

    Their label and event time are 0 and their weight is 1, whatever they say. Raises ParseError
    with the errors of all bad rows where there is one.
    """
    parsed = parse_rows(schema, rows, form=SCORING)
    if parsed.errors:
        first = parsed.errors[0]
        raise ParseError(f"row {first.row}: {first.field} {first.error}", parsed.errors)
    return parsed.batch


def parse_arrow(
    schema: SampleSchema, body: Body, now: datetime | None = None, form: Form = SAMPLES
) -> ParsedBatch:
    """Parse an Arrow IPC stream; see ``parse_table`` for the columns."""
    return parse_table(schema, read_untrusted(body), now, form)


def parse_table(
    schema: SampleSchema, table: pa.Table, now: datetime | None = None, form: Form = SAMPLES
) -> ParsedBatch:
    """Parse a table with valid arrays.

    Columns may be missing and may be of any type that casts to the schema's without loss:
    dictionaries and large or view strings, integers as ids, timestamps of any unit (without a zone
    they are UTC), integers as epoch milliseconds, strings as numbers or RFC 3339.
    """
    names, allowed = table.column_names, form.kinds(schema)
    for name, times in Counter(names).items():
        if name not in allowed:
            raise ParseError(f"column {name!r} is not in the schema: {', '.join(allowed)}")
        if times > 1:
            raise ParseError(f"column {name!r} came {times} times")
    columns = {name: _one_array(table.column(i)) for i, name in enumerate(names)}
    return _check(schema, columns, table.num_rows, form, now)


def _check_rows(schema: SampleSchema, rows: Rows, form: Form, now: datetime | None) -> ParsedBatch:
    parsed = _check(schema, rows.columns, len(rows.numbers), form, now)
    found = [replace(error, row=int(rows.numbers[error.row])) for error in parsed.errors]
    return ParsedBatch(parsed.batch, sorted([*rows.errors, *found], key=lambda error: error.row))


def _check(
    schema: SampleSchema,
    columns: Mapping[str, pa.Array],
    n: int,
    form: Form,
    now: datetime | None,
) -> ParsedBatch:
    if n > MAX_ROWS:
        raise ParseError(f"holds {n} rows, at most {MAX_ROWS} are allowed in one request")
    checker = Checker(schema, columns, n)
    batch = form.check(checker, now or datetime.now(UTC))
    return ParsedBatch(batch, sorted(checker.errors, key=lambda error: error.row))


def _one_array(column: pa.ChunkedArray) -> pa.Array:
    if column.num_chunks == 1:
        return column.chunk(0)
    array = column.combine_chunks()
    if isinstance(array, pa.ChunkedArray):
        raise ParseError("a column holds more than 2 GiB of strings")
    return array
