"""Rows of a batch → sparse rows of stable 64-bit keys, and back to the names of the keys."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from updates.samples.hashing import (
    cross_name,
    field_seed,
    hash_into,
    hash_strings,
)
from updates.samples.layout import Cells, by_field, drop_repeats, lay_out, locate
from updates.samples.lists import Lists
from updates.samples.schema import EVENT_TIME, LABEL, WEIGHT, SampleSchema

Batch: TypeAlias = pa.RecordBatch | pa.Table


@dataclass(frozen=True)
class Encoded:
    """A batch of n samples as a CSR matrix of keys, with what a learner needs beside it.

    indptr : (n + 1,) int64; the keys of row r stand at indptr[r] : indptr[r + 1].
    keys : (nnz,) uint64, no two alike within a row.
    values : (nnz,) float64, 1 for a categorical value, the number itself for a number.
    labels, weights : (n,) float64. event_times : (n,) int64, epoch milliseconds.
    """

    indptr: np.ndarray
    keys: np.ndarray
    values: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    event_times: np.ndarray
    _cells: Cells
    _columns: _Columns

    @property
    def numbers(self) -> np.ndarray:
        """(n, numbers) float64 in the order of the schema, 0 where a number is null."""
        return self._cells.numbers.T

    def by_field(self) -> tuple[np.ndarray, np.ndarray]:
        """Keys by row and field, for the F single-valued and multi-valued fields of the schema.

        Returns
        -------
        indptr, keys : (n·F + 1,) int64 and (nnz,) uint64; field f of row r has the keys
            keys[indptr[r·F + f] : indptr[r·F + f + 1]], none where it is null.
        """
        indptr, keys = by_field(self._cells)
        return indptr, keys

    def names(self, positions: np.ndarray) -> tuple[pa.StringArray, pa.StringArray]:
        """The features and values that keys stand for.

        Parameters
        ----------
        positions : (p,) int64 indices into ``keys``.

        Returns
        -------
        feature, value : (p,) strings: a field and its value; "a×b" and "x×y" for a cross; a
            number's value is "".
        """
        sources, lefts, rights = locate(self._cells, self.indptr, positions.astype(np.int64))
        features = self._columns.sources.take(pa.array(sources))
        values = pc.fill_null(self._columns.texts(lefts), "")
        crossed = np.flatnonzero(rights >= 0)
        if len(crossed):
            others = self._columns.texts(rights[crossed])
            products = pc.binary_join_element_wise(values.take(crossed), others, cross_name("", ""))
            values = pc.replace_with_mask(values, rights >= 0, products)
        return features, values


@dataclass(frozen=True)
class _Columns:
    """The strings behind the cells: a column a slot, and the names of the sources."""

    sources: pa.StringArray
    chunks: list[pa.StringArray]

    @cached_property
    def _starts(self) -> np.ndarray:
        return np.cumsum([0] + [len(chunk) for chunk in self.chunks])

    def texts(self, cells: np.ndarray) -> pa.StringArray:
        """The (p,) strings of some cells; null where the cell is -1."""
        # 16 bits, so that numpy sorts by radix.
        slots = np.searchsorted(self._starts, cells, side="right").astype(np.int16)
        order = np.argsort(slots, kind="stable")
        ends = np.cumsum(np.bincount(slots, minlength=len(self.chunks) + 1))
        pieces = [pa.nulls(ends[0], pa.string())]
        for slot, chunk in enumerate(self.chunks):
            wanted = cells[order[ends[slot] : ends[slot + 1]]] - self._starts[slot]
            pieces.append(chunk.take(pa.array(wanted)))
        back = np.empty_like(order)
        back[order] = np.arange(len(order))
        return pa.concat_arrays(pieces).take(pa.array(back))


class Encoder:
    """Turns batches of one schema into keys; the same row always gets the same keys.

    A row's keys come in the order of the schema: the single-valued fields, the numbers (their key
    is that of the field with the value ""), the values of the multi-valued fields, the crosses.
    A null, and the number 0, gives no key; a value repeated within a list gives one.
    """

    def __init__(self, schema: SampleSchema) -> None:
        self.schema = schema
        slots = [*schema.single_valued, *schema.multivalued]
        crosses = [cross_name(*pair) for pair in schema.crosses]
        empty = pa.array([""])
        self._seeds = {name: field_seed(name) for name in [*slots, *crosses]}
        self._number_keys = np.array(
            [hash_strings(empty, field_seed(name))[0] for name in schema.numeric], np.uint64
        )
        self._crosses = np.array(
            [[slots.index(name) for name in pair] for pair in schema.crosses], np.int64
        ).reshape(-1, 2)
        self._cross_seeds = np.array([self._seeds[name] for name in crosses], np.uint64)
        self._sources = pa.array(
            [*schema.single_valued, *schema.numeric, *schema.multivalued, *crosses], pa.string()
        )

    def encode(self, batch: Batch) -> Encoded:
        """Encode a batch with the columns of ``schema.arrow``; other columns are ignored.

        Raises KeyError where a column is missing, TypeError where one is of another type.
        """
        singles = [_column(batch, name) for name in self.schema.single_valued]
        lists = [Lists.of(_column(batch, name)) for name in self.schema.multivalued]
        chunks = [*singles, *(column.values for column in lists)]
        cells = self._cells(batch, singles, lists)
        indptr, keys, values = lay_out(cells)
        return Encoded(
            indptr=indptr,
            keys=keys,
            values=values,
            labels=np.array(_column(batch, LABEL), np.float64),
            weights=np.array(_column(batch, WEIGHT), np.float64),
            event_times=np.array(_column(batch, EVENT_TIME).view(pa.int64()), np.int64),
            _cells=cells,
            _columns=_Columns(self._sources, chunks),
        )

    def _cells(self, batch: Batch, singles: list[pa.StringArray], lists: list[Lists]) -> Cells:
        n = batch.num_rows
        cells = np.empty(n * len(singles) + sum(len(column.values) for column in lists), np.uint64)
        starts, stops = np.empty((2, len(lists), n), np.int64)
        for slot, column in enumerate(singles):
            name = self.schema.single_valued[slot]
            hash_into(column, self._seeds[name], cells[slot * n : slot * n + n])
        end = n * len(singles)
        for field, (name, items) in enumerate(zip(self.schema.multivalued, lists, strict=True)):
            start, end = end, end + len(items.values)
            hash_into(items.values, self._seeds[name], cells[start:end])
            starts[field], stops[field] = items.starts + start, items.stops + start
            drop_repeats(starts[field], stops[field], cells)
        return Cells(
            cells,
            len(singles),
            starts,
            stops,
            self._numbers(batch),
            self._number_keys,
            self._crosses,
            self._cross_seeds,
        )

    def _numbers(self, batch: Batch) -> np.ndarray:
        numbers = np.empty((len(self.schema.numeric), batch.num_rows), np.float64)
        for field, name in enumerate(self.schema.numeric):
            column = _column(batch, name)
            numbers[field] = column.fill_null(0.0) if column.null_count else column
        return numbers


def _column(batch: Batch, name: str) -> pa.Array:
    column = batch.column(name)
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
