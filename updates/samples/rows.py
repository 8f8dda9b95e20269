"""Rows of JSON → Arrow columns, with the row and field of each value of a wrong type."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from operator import attrgetter
from types import GenericAlias
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from updates.samples.errors import ParseError, RowError, got
from updates.samples.forms import INSTANT, NUMBER, TEXT, TEXTS, Form
from updates.samples.json_columns import KINDS, ColumnScanner
from updates.samples.schema import SampleSchema

ALLOWED = {
    TEXT: "a string of Unicode",
    NUMBER: "a finite number",
    TEXTS: "a list of strings of Unicode",
    INSTANT: "RFC 3339 with an offset or epoch milliseconds",
}


@dataclass(frozen=True)
class Rows:
    """Raw columns of n readable rows.

    columns : (n,) arrays by name. numbers : (n,) int64 numbers of the rows in the request. errors :
    the rows that could not be read.
    """

    columns: dict[str, pa.Array]
    numbers: np.ndarray
    errors: list[RowError]


class RowReader:
    """Reads rows of one schema and form by a typed decoder made for them."""

    def __init__(self, schema: SampleSchema, form: Form) -> None:
        self._kinds = form.kinds(schema)
        attributes = {f"field_{i}": name for i, name in enumerate(self._kinds)}
        self._row: Any = msgspec.defstruct(
            "Row",
            [(key, self._kinds[name], None) for key, name in attributes.items()],
            rename=attributes,
            forbid_unknown_fields=True,
            gc=False,
        )
        self._rows = GenericAlias(list, self._row)
        self._json = msgspec.json.Decoder(self._row)
        self._values = attrgetter(*attributes)
        scannable = KINDS.keys() >= set(self._kinds.values())
        self._scanner = ColumnScanner(self._kinds) if scannable else None

    def read_rows(self, rows: Sequence[object]) -> Rows:
        """Read decoded JSON values."""
        try:
            return self._all(msgspec.convert(rows, self._rows))
        except (msgspec.ValidationError, UnicodeEncodeError):
            return self._some(self._read_row(number, row) for number, row in enumerate(rows))

    def read_lines(self, body: bytes) -> Rows:
        """Read newline-delimited JSON; blank lines are no rows.

        Raises ParseError, with an error each, where no line at all is JSON.
        """
        scanned = self._scanner.read(body) if self._scanner else None
        if scanned is not None:
            count, columns = scanned
            return Rows(columns, np.arange(count), [])
        try:
            rows = self._json.decode_lines(body)
            # The decoder takes any white space between rows; a newline within a row is an error.
            if len(rows) == body.rstrip().count(b"\n") + bool(body.strip()):
                return self._all(rows)
        except (ValueError, RecursionError):
            pass
        lines = [line for line in body.split(b"\n") if line.strip()]
        read = [self._read_line(number, line) for number, line in enumerate(lines)]
        if read and all(isinstance(row, _NotJson) for row in read):
            first = f"the first line {read[0].error}"
            raise ParseError(f"not newline-delimited JSON: {first}", self._some(read).errors)
        return self._some(read)

    def _all(self, rows: Sequence[msgspec.Struct]) -> Rows:
        return Rows(self._columns(rows), np.arange(len(rows)), [])

    def _some(self, read: Iterable[msgspec.Struct | RowError]) -> Rows:
        good, numbers, errors = [], [], []
        for number, row in enumerate(read):
            if isinstance(row, RowError):
                errors.append(RowError(row.row, row.field, row.error))
            else:
                good.append(row)
                numbers.append(number)
        return Rows(self._columns(good), np.array(numbers, np.int64), errors)

    def _columns(self, rows: Sequence[msgspec.Struct]) -> dict[str, pa.Array]:
        values = zip(*map(self._values, rows), strict=True) if rows else [()] * len(self._kinds)
        return {
            name: _array(kind, column)
            for (name, kind), column in zip(self._kinds.items(), values, strict=True)
        }

    def _read_line(self, number: int, line: bytes) -> Any:
        try:
            return self._json.decode(line)
        except (ValueError, RecursionError):
            try:
                # Unlike the typed decoder this one reads NaN, so that its field can be named.
                return self._read_row(number, json.loads(line.decode()))
            except UnicodeDecodeError as error:
                return _NotJson(number, "", f"is not UTF-8 at byte {error.start}")
            except (ValueError, RecursionError) as error:
                return _NotJson(number, "", f"is not JSON: {error}")

    def _read_row(self, number: int, row: object) -> Any:
        try:
            read = msgspec.convert(row, self._row)
            msgspec.json.encode(read)
        except (msgspec.ValidationError, UnicodeEncodeError) as error:
            return self._problem(number, row) or RowError(number, "", str(error))
        return read

    def _problem(self, number: int, row: object) -> RowError | None:
        if not isinstance(row, dict):
            return RowError(number, "", f"must be an object, got {got(row)}")
        for name, value in row.items():
            if name not in self._kinds:
                fields = ", ".join(self._kinds)
                return RowError(number, str(name), f"is not a field of the schema: {fields}")
            if not _is_of(self._kinds[name], value):
                allowed = ALLOWED[self._kinds[name]]
                return RowError(number, name, f"must be {allowed}, got {got(value)}")
        return None


class _NotJson(RowError):
    """A line that is no JSON."""


@lru_cache(maxsize=256)
def row_reader(schema: SampleSchema, form: Form) -> RowReader:
    """The reader of a schema and form, made once."""
    return RowReader(schema, form)


def _is_of(kind: Any, value: object) -> bool:
    try:
        msgspec.json.encode(msgspec.convert(value, kind))
    except (msgspec.ValidationError, UnicodeEncodeError):
        return False
    return True


def _array(kind: Any, values: Sequence[Any]) -> pa.Array:
    if kind is TEXT:
        return pa.array(values, pa.string())
    if kind is NUMBER:
        return pa.array(values, pa.float64())
    if kind is TEXTS:
        return pa.array(values, pa.list_(pa.string()))
    return _instants(values) if kind is INSTANT else pa.nulls(len(values))


def _instants(values: Sequence[str | int | float | None]) -> pa.Array:
    """Strings or int64; where both came, or numbers past int64, strings of digits."""
    kinds = set(map(type, values)) - {type(None)}
    try:
        if kinds == {int}:
            return pa.array(values, pa.int64())
        return pa.array(values, pa.string())
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([_digits(value) for value in values], pa.string())


def _digits(value: str | int | float | None) -> str | None:
    if isinstance(value, float) and abs(value) < 2**63:
        value = int(value)
    return None if value is None else str(value)
