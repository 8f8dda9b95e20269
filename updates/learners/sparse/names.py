"""What the keys of a table stand for: (field, value) of each, in the order of insertion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

CHUNK_ROWS = 1 << 16  # a chunk of as many is not merged: no append copies more than twice that


class _Chunk(NamedTuple):
    """Some pairs one after the other, as ``field`` and ``value``.

    first : number of the first one. numbers : (n,) of all, ascending; None where none is missing.
    dead : (d,) numbers, distinct, of pairs that were removed and are still here.
    """

    first: int
    pairs: pa.RecordBatch
    numbers: np.ndarray | None
    dead: np.ndarray

    def alive(self) -> _Chunk:
        """Without the dead."""
        if not len(self.dead):
            return self
        numbers = self.all_numbers()
        rows = np.flatnonzero(~np.isin(numbers, self.dead))
        return _Chunk(self.first, self.pairs.take(pa.array(rows)), numbers[rows], NONE)

    def all_numbers(self) -> np.ndarray:
        """(n,) numbers of the pairs, the dead included."""
        if self.numbers is not None:
            return self.numbers
        return np.arange(self.first, self.first + self.pairs.num_rows)


SCHEMA = pa.schema([("field", pa.int32()), ("value", pa.large_string())])
NONE = np.empty(0, np.int64)


class Names:
    """Pairs (field, value), numbered as they are appended, from 0; some are removed again.

    Chunks are merged whenever one is not more than half as long as the one before, so that few
    remain however small they come. One is written anew without its dead when they are more than
    half of it. Fields are few and kept once each.
    """

    def __init__(self) -> None:
        self._fields: dict[str, int] = {}
        self._chunks: list[_Chunk] = []
        self._next = 0

    def __len__(self) -> int:
        return sum(chunk.pairs.num_rows - len(chunk.dead) for chunk in self._chunks)

    @property
    def nbytes(self) -> int:
        """Bytes of all chunks."""
        numbers: int = sum(c.numbers.nbytes for c in self._chunks if c.numbers is not None)
        total: int = sum(chunk.pairs.nbytes + chunk.dead.nbytes for chunk in self._chunks)
        return numbers + total

    def append(self, fields: pa.StringArray, values: pa.StringArray) -> None:
        """Add the next (m,) pairs; neither may hold nulls."""
        encoded = fields.dictionary_encode()
        numbers = [self._number_of(name) for name in encoded.dictionary.to_pylist()]
        ids = np.array(numbers, np.int32)[encoded.indices.to_numpy()]
        self._add(ids, values.cast(pa.large_string()))
        while len(self._chunks) > 1 and self._chunks[-2].pairs.num_rows < min(
            2 * self._chunks[-1].pairs.num_rows, CHUNK_ROWS
        ):
            self._chunks[-2:] = [_joined(self._chunks[-2:])]

    def remove(self, numbers: np.ndarray) -> None:
        """Forget the pairs with these (m,) distinct numbers, all of which are here."""
        numbers = np.sort(numbers)
        firsts = [chunk.first for chunk in self._chunks]
        bounds = [*np.searchsorted(numbers, firsts), len(numbers)]
        for i in np.flatnonzero(np.diff(bounds)):
            chunk = self._chunks[i]
            dead = np.concatenate([chunk.dead, numbers[bounds[i] : bounds[i + 1]]])
            chunk = chunk._replace(dead=dead)
            self._chunks[i] = chunk.alive() if 2 * len(dead) > chunk.pairs.num_rows else chunk

    def copy(self) -> Names:
        """One that goes its own way from here; what both know is kept once."""
        names = Names()
        names._fields, names._chunks = dict(self._fields), list(self._chunks)
        names._next = self._next
        return names

    def take(self, places: np.ndarray) -> tuple[pa.Array, pa.Array]:
        """(m,) fields and (m,) values of the pairs at these places among those not removed."""
        rows = self._merged().take(pa.array(places))
        return pa.array(self._fields, pa.string()).take(rows["field"]), rows["value"]

    def pairs(self, places: np.ndarray) -> list[tuple[str, str]]:
        """As ``take``, pair by pair."""
        fields, values = self.take(places)
        return list(zip(fields.to_pylist(), values.to_pylist(), strict=True))

    def to_arrays(self) -> dict[str, np.ndarray]:
        """``field_ids`` (n,) int32, and the distinct fields and the (n,) values as bytes and
        offsets: ``fields``, ``field_offsets``, ``values``, ``value_offsets``."""
        chunk = self._merged()
        field_offsets, fields = bytes_of(pa.array(self._fields, pa.large_string()))
        value_offsets, values = bytes_of(chunk.column("value"))
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
        for field in strings_of(arrays["field_offsets"], arrays["fields"]).to_pylist():
            names._number_of(field)
        values = strings_of(arrays["value_offsets"], arrays["values"])
        for start in range(0, len(values), CHUNK_ROWS):
            part = slice(start, start + CHUNK_ROWS)
            names._add(arrays["field_ids"][part], values[part])
        return names

    def _number_of(self, field: str) -> int:
        return self._fields.setdefault(field, len(self._fields))

    def _add(self, ids: np.ndarray, values: pa.LargeStringArray) -> None:
        pairs = pa.RecordBatch.from_arrays([pa.array(ids, pa.int32()), values], ["field", "value"])
        self._chunks.append(_Chunk(self._next, pairs, None, NONE))
        self._next += len(ids)

    def _merged(self) -> pa.RecordBatch:
        empty = pa.RecordBatch.from_pydict({"field": [], "value": []}, schema=SCHEMA)
        return pa.concat_batches([empty, *(chunk.alive().pairs for chunk in self._chunks)])


def _joined(chunks: Sequence[_Chunk]) -> _Chunk:
    """One after the other as one, without the dead."""
    chunks = [chunk.alive() for chunk in chunks]
    pairs = pa.concat_batches([chunk.pairs for chunk in chunks])
    whole = all(chunk.numbers is None for chunk in chunks)
    numbers = None if whole else np.concatenate([chunk.all_numbers() for chunk in chunks])
    return _Chunk(chunks[0].first, pairs, numbers, NONE)


def bytes_of(strings: pa.LargeStringArray) -> tuple[np.ndarray, np.ndarray]:
    """Offsets (n + 1,) int64 from 0 of (n,) strings, and the bytes (m,) uint8 between them."""
    _, offset_buffer, byte_buffer = strings.buffers()
    offsets = np.frombuffer(offset_buffer or bytes(8), np.int64)
    offsets = offsets[strings.offset : strings.offset + len(strings) + 1]
    characters = np.frombuffer(byte_buffer or b"", np.uint8)[offsets[0] : offsets[-1]]
    return offsets - offsets[0], characters


def strings_of(offsets: np.ndarray, characters: np.ndarray) -> pa.LargeStringArray:
    """What ``bytes_of`` described."""
    return pa.LargeStringArray.from_buffers(
        len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(characters)
    )
