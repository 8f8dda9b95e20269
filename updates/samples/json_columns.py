"""NDJSON → Arrow columns by the compiled scan, where it takes the body."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from updates.samples import json_scan
from updates.samples.forms import INSTANT, NUMBER, TEXT, TEXTS
from updates.samples.json_scan import (
    DIGITS,
    NEWLINE,
    NULL,
    PADDING,
    QUOTE,
    REFUSED,
    STRINGS,
)

KINDS: dict[Any, int] = {TEXT: json_scan.TEXT, NUMBER: json_scan.NUMBER}
KINDS |= {TEXTS: json_scan.TEXTS, INSTANT: json_scan.INSTANT}
MAX_BODY_BYTES = 1 << 30  # Arrow's offsets are of 32 bits


class ColumnScanner:
    """Reads whole bodies of one set of fields.

    Parameters
    ----------
    kinds : names of the fields with the types of their JSON values, all of them ``KINDS``.
    """

    def __init__(self, kinds: Mapping[str, Any]) -> None:
        self._fields = tuple(kinds)
        names = [msgspec.json.encode(name) for name in kinds]
        stops = np.cumsum([len(name) for name in names])
        starts = stops - [len(name) for name in names]
        self._names = np.frombuffer(b"".join(names) + bytes(8), np.uint8)
        self._name_ends = np.column_stack([starts, stops])
        self._kinds = np.array([KINDS[kind] for kind in kinds.values()])

    def read(self, body: bytes) -> tuple[int, dict[str, pa.Array]] | None:
        """Number of rows, and their columns; None for a body that needs a careful reader."""
        padded = np.frombuffer(body + b"\n" * PADDING, np.uint8)
        fields, lines = len(self._fields), np.count_nonzero(padded == NEWLINE) - PADDING + 1
        # A field of a row takes some bytes: where the cells are more, most are empty.
        if lines * fields > len(body) or len(body) > MAX_BODY_BYTES or not _is_utf8(body):
            return None
        cells = np.empty((lines, fields, 2), np.int32)
        has_lists = json_scan.TEXTS in self._kinds
        strings = np.count_nonzero(padded == QUOTE) // 2 if has_lists else 0
        items = np.empty((strings, 2), np.int32)
        marks = np.zeros(fields, np.uint8)
        rows = json_scan.scan(
            padded,
            self._names,
            self._name_ends,
            self._kinds,
            cells,
            items,
            marks,
            np.arange(fields),
        )
        if rows == REFUSED:
            return None
        cells = cells[:rows]
        columns = dict(self._columns(padded, cells, items, marks))
        return None if any(column is None for column in columns.values()) else (rows, columns)

    def _columns(
        self, body: np.ndarray, cells: np.ndarray, items: np.ndarray, marks: np.ndarray
    ) -> Iterator[tuple[str, pa.Array | None]]:
        """Each field's column; None for one that needs a careful reader."""
        lists = self._kinds == json_scan.TEXTS
        for field in np.flatnonzero(lists):
            yield self._fields[field], _lists(body, cells[:, field], items, marks[field])
        if lists.any():
            cells, marks = cells[:, ~lists], marks[~lists]
        plain = np.flatnonzero(~lists)
        for field, mark, texts in zip(plain, marks, _texts(body, cells, marks), strict=True):
            yield self._fields[field], _typed(self._kinds[field], mark, texts)


def _is_utf8(body: bytes) -> bool:
    if body.isascii():
        return True
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _typed(kind: int, mark: np.uint8, texts: pa.StringArray) -> pa.Array | None:
    if kind == json_scan.NUMBER:
        return _numbers(texts, pa.float64())
    if kind == json_scan.TEXT or not mark & DIGITS:
        return texts
    return None if mark & STRINGS else _numbers(texts, pa.int64())


def _numbers(texts: pa.StringArray, kind: pa.DataType) -> pa.Array | None:
    """The numbers that JSON's digits stand for; None where one is past the range of the kind."""
    try:
        numbers = texts.cast(kind)
    except pa.ArrowInvalid:
        return None
    return numbers if np.isfinite(numbers.drop_null()).all() else None


def _texts(body: np.ndarray, cells: np.ndarray, marks: np.ndarray) -> Iterator[pa.StringArray]:
    """A column a field of (n, k, 2) cells."""
    rows, fields, _ = cells.shape
    lengths, nulls = np.zeros((2, fields), np.int64)
    json_scan.measure(cells, lengths, nulls)
    starts = np.cumsum(lengths + 8) - lengths - 8
    ends = np.empty((fields, rows + 1), np.int32)
    data = np.empty(int(lengths.sum()) + 8 * fields, np.uint8)
    json_scan.copy(body, cells, marks, starts, ends, data)
    shared_ends, shared_data = pa.py_buffer(ends), pa.py_buffer(data)
    for field in range(fields):
        offsets = shared_ends.slice(field * (rows + 1) * 4, (rows + 1) * 4)
        strings = shared_data.slice(starts[field], ends[field, rows])
        valid = _valid(cells[:, field, 1] != NULL) if nulls[field] else None
        yield pa.StringArray.from_buffers(rows, offsets, strings, valid, int(nulls[field]))


def _lists(body: np.ndarray, cells: np.ndarray, items: np.ndarray, mark: np.uint8) -> pa.ListArray:
    there = cells[:, 1] != NULL
    sizes = np.where(there, cells[:, 1], 0)
    ends = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    places = np.arange(ends[-1]) + np.repeat(cells[:, 0] - ends[:-1], sizes)
    [values] = _texts(body, items[places][:, np.newaxis], np.array([mark]))
    buffers = [_valid(there), pa.py_buffer(ends)]
    return pa.ListArray.from_buffers(pa.list_(pa.string()), len(cells), buffers, children=[values])


def _valid(there: np.ndarray) -> pa.Buffer:
    """Arrow's bitmap of the rows that have a value."""
    return pa.py_buffer(np.packbits(there, bitorder="little"))
