"""Vectors that were learned elsewhere: how they are written, and what must hold of them.

Of a field named f there are ``f.vectors`` (n, dim), numbers, and what they belong to: either
``f.keys`` (n,) uint64, the keys of the encoder, or the values' UTF-8 bytes one after the other,
``f.values`` (b,) uint8, from ``f.value_offsets`` (n + 1,) int64 on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from updates.learners.sparse.names import bytes_of, strings_of
from updates.samples.hashing import NO_KEY, field_seed, hash_strings


class VectorsError(ValueError):
    """Vectors that cannot be taken over; says of which field and row, and why."""


class Pretrained(NamedTuple):
    """keys : (n,) uint64, distinct. fields : (n,) int32. vectors : (n, dim) float32, finite."""

    keys: np.ndarray
    fields: np.ndarray
    vectors: np.ndarray


def arrays_of(
    vectors: Mapping[str, tuple[Sequence[str], np.ndarray]],
) -> dict[str, np.ndarray]:
    """The arrays of each field's (n,) values and (n, dim) vectors, to be saved as safetensors."""
    arrays = {}
    for field, (values, rows) in vectors.items():
        offsets, characters = bytes_of(pa.array(values, pa.large_string()))
        arrays[f"{field}.values"], arrays[f"{field}.value_offsets"] = characters, offsets
        arrays[f"{field}.vectors"] = np.asarray(rows, np.float32)
    return arrays


def checked(arrays: Mapping[str, np.ndarray], fields: Sequence[str], dim: int) -> Pretrained:
    """What the arrays say of these fields. Raises VectorsError."""
    left, parts = dict(arrays), []
    for number, field in enumerate(fields):
        if f"{field}.vectors" in left:
            keys, row = _keys_of(left, field)
            vectors = _vectors_of(left.pop(f"{field}.vectors"), field, len(keys), dim, row)
            parts.append(Pretrained(keys, np.full(len(keys), number, np.int32), vectors))
    if left:
        raise VectorsError(
            f"{min(left)} is none of the arrays .vectors, .keys, .values and .value_offsets of "
            f"{', '.join(fields)}"
        )
    if not parts:
        raise VectorsError(f"there are vectors of none of the fields {', '.join(fields)}")
    keys, numbers, vectors = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    if len(np.unique(keys)) < len(keys):
        raise VectorsError("two fields have a key in common: keys are those of another schema")
    return Pretrained(keys, numbers, vectors)


def _keys_of(left: dict[str, np.ndarray], field: str) -> tuple[np.ndarray, Callable[[int], str]]:
    """Takes a field's keys out of the arrays; also returns how a row is called in an error."""
    if f"{field}.keys" in left:
        keys, names = left.pop(f"{field}.keys"), None
        if keys.dtype != np.uint64 or keys.ndim != 1:
            raise VectorsError(f"{field}.keys must be (n,) uint64, got {keys.shape} {keys.dtype}")
    else:
        names = _names_of(left, field)
        keys = hash_strings(names.cast(pa.string()), field_seed(field))

    def row(i: int) -> str:
        return f"{field}, row {i} ({keys[i] if names is None else repr(names[i].as_py())})"

    if len(no_key := np.flatnonzero(keys == NO_KEY)):
        raise VectorsError(f"{row(no_key[0])}: 0 is the key of no value")
    firsts = np.unique(keys, return_index=True)[1]
    if len(again := np.setdiff1d(np.arange(len(keys)), firsts)):
        before = np.flatnonzero(keys == keys[again[0]])[0]
        raise VectorsError(f"{row(again[0])} has a vector in row {before} already")
    return keys, row


def _names_of(left: dict[str, np.ndarray], field: str) -> pa.LargeStringArray:
    characters = left.pop(f"{field}.values", None)
    offsets = left.pop(f"{field}.value_offsets", None)
    if characters is None or offsets is None:
        raise VectorsError(f"{field} needs .keys, or .values with .value_offsets")
    if characters.dtype != np.uint8 or offsets.dtype != np.int64 or offsets.ndim != 1:
        raise VectorsError(f"{field}.values must be uint8, and its .value_offsets (n + 1,) int64")
    ends = [0, *offsets, characters.size]
    if not len(offsets) or np.any(np.diff(ends) < 0):
        raise VectorsError(f"{field}.value_offsets must rise from 0 to the bytes' number")
    names = strings_of(offsets, np.ascontiguousarray(characters))
    try:
        names.validate(full=True)
    except pa.ArrowInvalid as error:
        raise VectorsError(f"{field}.values: {error}") from error
    return names


def _vectors_of(
    vectors: np.ndarray, field: str, rows: int, dim: int, row: Callable[[int], str]
) -> np.ndarray:
    if vectors.shape != (rows, dim) or vectors.dtype.kind != "f":
        raise VectorsError(
            f"{field}.vectors must be ({rows}, {dim}) floats, a row a value and embedding_dim "
            f"numbers in it, got {vectors.shape} {vectors.dtype}"
        )
    with np.errstate(over="ignore"):
        vectors = vectors.astype(np.float32)
    if len(broken := np.flatnonzero(~np.isfinite(vectors).all(axis=1))):
        raise VectorsError(f"{row(broken[0])}: not all numbers are finite, as float32 has them")
    return vectors
