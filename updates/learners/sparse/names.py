"""What the keys of a table stand for: (field, value) of each, in the order of insertion."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa


class Names:
    """Pairs (field, value), appended in chunks and looked up by number.

    Chunks are merged whenever one is not more than half as long as the one before, so that few
    remain however small they come. Fields are few and kept once each.
    """

    def __init__(self) -> None:
        self._fields: dict[str, int] = {}
        self._chunks: list[pa.RecordBatch] = []

    def __len__(self) -> int:
        return sum(chunk.num_rows for chunk in self._chunks)

    def append(self, fields: pa.StringArray, values: pa.StringArray) -> None:
        """Add the next (m,) pairs; neither may hold nulls."""
        encoded = fields.dictionary_encode()
        numbers = [self._number_of(name) for name in encoded.dictionary.to_pylist()]
        ids = np.array(numbers, np.int32)[encoded.indices.to_numpy()]
        self._add(ids, values.cast(pa.large_string()))

    def copy(self) -> Names:
        """One that goes its own way from here; what both know is kept once."""
        names = Names()
        names._fields, names._chunks = dict(self._fields), list(self._chunks)
        return names

    def take(self, numbers: np.ndarray) -> tuple[pa.Array, pa.Array]:
        """(m,) fields and (m,) values of the pairs with these numbers."""
        rows = self._merged().take(pa.array(numbers))
        return pa.array(self._fields, pa.string()).take(rows["field"]), rows["value"]

    def to_arrays(self) -> dict[str, np.ndarray]:
        """``field_ids`` (n,) int32, and the distinct fields and the (n,) values as bytes and
        offsets: ``fields``, ``field_offsets``, ``values``, ``value_offsets``."""
        chunk = self._merged()
        field_offsets, fields = _bytes_of(pa.array(self._fields, pa.large_string()))
        value_offsets, values = _bytes_of(chunk.column("value"))
        return {
            "field_ids": chunk.column("field").to_numpy(),
            "fields": fields,
            "field_offsets": field_offsets,
            "values": values,
            "value_offsets": value_offsets,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Names:
        """The names that ``to_arrays`` described. Raises KeyError if an array is missing."""
        names = cls()
        for field in _strings_of(arrays["field_offsets"], arrays["fields"]).to_pylist():
            names._number_of(field)
        values = _strings_of(arrays["value_offsets"], arrays["values"])
        names._add(arrays["field_ids"], values)
        return names

    def _number_of(self, field: str) -> int:
        return self._fields.setdefault(field, len(self._fields))

    def _add(self, ids: np.ndarray, values: pa.LargeStringArray) -> None:
        self._chunks.append(
            pa.RecordBatch.from_arrays([pa.array(ids, pa.int32()), values], ["field", "value"])
        )
        while len(self._chunks) > 1 and self._chunks[-2].num_rows < 2 * self._chunks[-1].num_rows:
            self._chunks[-2:] = [pa.concat_batches(self._chunks[-2:])]

    def _merged(self) -> pa.RecordBatch:
        if not self._chunks:
            self._add(np.empty(0, np.int32), pa.array([], pa.large_string()))
        self._chunks = [pa.concat_batches(self._chunks)]
        return self._chunks[0]


def _bytes_of(strings: pa.LargeStringArray) -> tuple[np.ndarray, np.ndarray]:
    """Offsets (n + 1,) int64 from 0, and the bytes (m,) uint8 between them."""
    _, offset_buffer, byte_buffer = strings.buffers()
    offsets = np.frombuffer(offset_buffer or bytes(8), np.int64)
    offsets = offsets[strings.offset : strings.offset + len(strings) + 1]
    characters = np.frombuffer(byte_buffer or b"", np.uint8)[offsets[0] : offsets[-1]]
    return offsets - offsets[0], characters


def _strings_of(offsets: np.ndarray, characters: np.ndarray) -> pa.LargeStringArray:
    return pa.LargeStringArray.from_buffers(
        len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(characters)
    )
