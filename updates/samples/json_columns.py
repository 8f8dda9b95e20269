"""NDJSON → Arrow columns by the compiled scan, where it takes the body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from updates.samples import json_scan
from updates.samples.forms import INSTANT, NUMBER, TEXT, TEXTS
from updates.samples.json_scan import DIGITS, ESCAPED, NULL, PADDING, REFUSED, STRINGS

KINDS = {TEXT: json_scan.TEXT, NUMBER: json_scan.NUMBER}
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
        lines, fields = body.count(b"\n") + 1, len(self._fields)
        # A field of a row takes some bytes: where the cells are more, most are empty.
        if lines * fields > len(body) or len(body) > MAX_BODY_BYTES or not _is_utf8(body):
            return None
        padded = np.frombuffer(body + b"\n" * PADDING, np.uint8)
        cells = np.empty((lines, fields, 2), np.int32)
        has_lists = json_scan.TEXTS in self._kinds
        items = np.empty((body.count(b'"') // 2 if has_lists else 0, 2), np.int32)
        marks = np.zeros(fields, np.uint8)
        rows = json_scan.scan(
            padded, self._names, self._name_ends, self._kinds, cells, items, marks
        )
        if rows == REFUSED:
            return None
        columns = {}
        for i, name in enumerate(self._fields):
            column = _column(padded, self._kinds[i], cells[:rows, i], items, marks[i])
            if column is None:
                return None
            columns[name] = column
        return rows, columns


def _is_utf8(body: bytes) -> bool:
    if body.isascii():
        return True
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _column(
    body: np.ndarray, kind: int, cells: np.ndarray, items: np.ndarray, marks: np.uint8
) -> pa.Array | None:
    if kind == json_scan.TEXTS:
        return _lists(body, cells, items, marks)
    texts = _texts(body, cells, marks)
    if kind == json_scan.TEXT or (kind == json_scan.INSTANT and not marks & DIGITS):
        return texts
    if kind == json_scan.INSTANT and marks & STRINGS:
        return None
    try:
        numbers = texts.cast(pa.float64() if kind == json_scan.NUMBER else pa.int64())
    except pa.ArrowInvalid:
        return None
    return numbers if np.isfinite(numbers.drop_null()).all() else None


def _texts(body: np.ndarray, cells: np.ndarray, marks: np.uint8) -> pa.StringArray:
    lengths = cells[:, 1]
    nulls = lengths == NULL
    ends = np.empty(len(cells) + 1, np.int32)
    data = np.empty(int(lengths.sum(where=~nulls)) + 8, np.uint8)
    json_scan.copy(body, cells, bool(marks & ESCAPED), ends, data)
    return pa.StringArray.from_buffers(
        len(cells), pa.py_buffer(ends), pa.py_buffer(data).slice(0, ends[-1]), _valid(nulls)
    )


def _lists(body: np.ndarray, cells: np.ndarray, items: np.ndarray, marks: np.uint8) -> pa.ListArray:
    nulls = cells[:, 1] == NULL
    sizes = np.where(nulls, 0, cells[:, 1])
    ends = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32)
    places = np.arange(ends[-1]) + np.repeat(cells[:, 0] - ends[:-1], sizes)
    values = _texts(body, items[places], marks)
    return pa.ListArray.from_buffers(
        pa.list_(pa.string()), len(cells), [_valid(nulls), pa.py_buffer(ends)], children=[values]
    )


def _valid(nulls: np.ndarray) -> pa.Buffer | None:
    """Arrow's bitmap of what is there; None where all is."""
    return pa.py_buffer(np.packbits(~nulls, bitorder="little")) if nulls.any() else None
