"""A batch → for each feature of the schema the 64-bit keys of its values, row by row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from updates.samples.hashing import cross_key, cross_name, field_seed, hash_strings
from updates.samples.jit import kernel
from updates.samples.layout import drop_repeats
from updates.samples.lists import Lists
from updates.samples.schema import SampleSchema

# Stands for a row that has no value: its absence may say something too. No key is 0.
MISSING = np.uint64(0xFFFF_FFFF_FFFF_FFFF)


@dataclass(frozen=True)
class KeyColumn:
    """One feature of n rows: row r has the keys ``keys[indptr[r]:indptr[r + 1]]``, at least one.

    indptr : (n + 1,) int64. keys : (nnz,) uint64, never 0, no two alike within a row; MISSING
    where a row has no value.
    """

    indptr: np.ndarray
    keys: np.ndarray


def feature_names(schema: SampleSchema) -> list[str]:
    """Names of the features of ``key_columns``, in their order."""
    crosses = [cross_name(*pair) for pair in schema.crosses]
    return [*schema.single_valued, *schema.multivalued, *crosses]


def key_columns(schema: SampleSchema, batch: pa.RecordBatch) -> list[KeyColumn]:
    """Single-valued, multi-valued and crossed features, in the order of the schema.

    The keys are those of ``updates.samples.encoder``. Raises KeyError where a column is missing,
    TypeError where one is of another type.
    """
    ends = np.arange(batch.num_rows + 1)
    columns = {
        name: KeyColumn(ends, _single(batch.column(name), name)) for name in schema.single_valued
    }
    for name in schema.multivalued:
        columns[name] = _multi(Lists.of(batch.column(name)), name)
    for left, right in schema.crosses:
        columns[cross_name(left, right)] = _cross(columns[left], columns[right], left, right)
    return list(columns.values())


def _single(column: pa.StringArray, name: str) -> np.ndarray:
    keys = hash_strings(column, field_seed(name))
    if column.null_count:
        keys[keys == 0] = MISSING
    return keys


def _multi(column: Lists, name: str) -> KeyColumn:
    keys = hash_strings(column.values, field_seed(name))
    starts, stops = column.starts.astype(np.int64), column.stops.astype(np.int64)
    drop_repeats(starts, stops, keys)
    return KeyColumn(*_without_gaps(starts, stops, keys))


def _cross(left: KeyColumn, right: KeyColumn, left_name: str, right_name: str) -> KeyColumn:
    seed = field_seed(cross_name(left_name, right_name))
    counts = np.diff(left.indptr) * np.diff(right.indptr)
    indptr = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
    return KeyColumn(
        indptr, _products(left.indptr, left.keys, right.indptr, right.keys, seed, indptr[-1])
    )


@kernel
def _without_gaps(
    starts: np.ndarray, stops: np.ndarray, keys: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Row pointers and keys of lists whose keys may be 0, which is no value."""
    indptr = np.zeros(len(starts) + 1, np.int64)
    kept = np.empty(len(keys) + len(starts), np.uint64)
    at = 0
    for row in range(len(starts)):
        for key in keys[starts[row] : stops[row]]:
            if key != 0:
                kept[at] = key
                at += 1
        if at == indptr[row]:
            kept[at] = MISSING
            at += 1
        indptr[row + 1] = at
    return indptr, kept[:at].copy()


@kernel
def _products(  # noqa: PLR0917
    lefts: np.ndarray,
    left_keys: np.ndarray,
    rights: np.ndarray,
    right_keys: np.ndarray,
    seed: np.uint64,
    size: int,
) -> np.ndarray:
    """(size,) keys of all pairs of a left and a right value within a row."""
    keys = np.empty(size, np.uint64)
    at = 0
    for row in range(len(lefts) - 1):
        for left in left_keys[lefts[row] : lefts[row + 1]]:
            for right in right_keys[rights[row] : rights[row + 1]]:
                keys[at] = cross_key(left, right, seed)
                at += 1
    return keys
