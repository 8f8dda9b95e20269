"""Stable 64-bit keys of feature values: XXH64 straight over Arrow's string buffers.

A key is part of every saved model, so that these functions never change their results: the tests
pin some. The key of a value is XXH64 of its UTF-8 bytes, seeded by XXH64 of its field's name (seed
0). The key of a crossed pair of values is XXH64 of the two keys, 16 bytes little-endian in the
order of the cross, seeded by XXH64 of the cross's name. Key 0 means "no value": a hash that is 0
becomes 1.

Reference: Yann Collet, xxHash fast digest algorithm, specification 0.1.1, "XXH64 algorithm".
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from updates.samples.jit import bare_kernel, inlined, kernel

NO_KEY = np.uint64(0)
U = np.uint64
P1 = U(0x9E3779B185EBCA87)
P2 = U(0xC2B2AE3D27D4EB4F)
P3 = U(0x165667B19E3779F9)
P4 = U(0x85EBCA77C2B2AE63)
P5 = U(0x27D4EB2F165667C5)
_EMPTY = np.frombuffer(b"", np.uint8)


def field_seed(name: str) -> np.uint64:
    """Seed of a field's values, or of a cross's by its name (``cross_name``)."""
    return U(_hash(np.frombuffer(name.encode(), np.uint8), U(0), U(len(name.encode())), U(0)))


def cross_name(left: str, right: str) -> str:
    """Name of the feature that is the product of two fields, and of the product of two values."""
    return f"{left}×{right}"


def hash_strings(array: pa.StringArray, seed: np.uint64) -> np.ndarray:
    """Keys of an array of strings.

    Parameters
    ----------
    array : (n,) Arrow array of type string; may be a slice, may hold nulls.
    seed : ``field_seed`` of the field.

    Returns
    -------
    (n,) uint64; 0 where the value is null, never 0 elsewhere.

    Raises
    ------
    TypeError
        The array is not of type string: its buffers would be read wrongly.
    """
    keys = np.empty(len(array), np.uint64)
    hash_into(array, seed, keys)
    return keys


def hash_into(array: pa.StringArray, seed: np.uint64, keys: np.ndarray) -> None:
    """Write the keys of ``hash_strings`` into an existing (n,) uint64 array."""
    offsets, data = string_buffers(array)
    _hash_all(offsets, data, seed, keys)
    if array.null_count:
        keys[array.is_null().to_numpy(zero_copy_only=False)] = NO_KEY


def string_buffers(array: pa.StringArray) -> tuple[np.ndarray, np.ndarray]:
    """(n + 1,) int32 offsets into the uint8 data of an array of strings, without copying."""
    if array.type != pa.string():
        raise TypeError(f"an array of type string is needed, got {array.type}")
    _, offsets, data = array.buffers()
    if len(array) == 0 or offsets is None:
        return _read_only(np.zeros(1, np.int32)), _EMPTY
    ends = np.frombuffer(offsets, np.int32, len(array) + 1, 4 * array.offset)
    return _read_only(ends), _EMPTY if data is None else _read_only(np.frombuffer(data, np.uint8))


def _read_only(view: np.ndarray) -> np.ndarray:
    """The view, read-only whether or not Arrow's buffer is: kernels compile for one kind only."""
    view.flags.writeable = False
    return view


@bare_kernel
def longest(offsets: np.ndarray) -> int:
    """Bytes of the longest string between (n + 1,) offsets; 0 for none."""
    most = 0
    for i in range(len(offsets) - 1):
        most = max(most, offsets[i + 1] - offsets[i])
    return most


@kernel
def cross_key(left: np.uint64, right: np.uint64, seed: np.uint64) -> np.uint64:
    """Key of a pair of values by their keys: XXH64 of the 16 bytes ``left``, ``right``."""
    hashed = seed + P5 + U(16)
    hashed = _rotate(hashed ^ _round(U(0), left), 27) * P1 + P4
    hashed = _rotate(hashed ^ _round(U(0), right), 27) * P1 + P4
    return _reserve_zero(_avalanche(hashed))


@kernel
def _hash_all(offsets: np.ndarray, data: np.ndarray, seed: np.uint64, keys: np.ndarray) -> None:
    for i in range(len(keys)):
        keys[i] = _reserve_zero(_hash(data, U(offsets[i]), U(offsets[i + 1]), seed))


# Indices are unsigned, as a signed index would be tested for wrapping round at every byte.
@kernel
def _hash(data: np.ndarray, start: np.uint64, stop: np.uint64, seed: np.uint64) -> np.uint64:
    at = start
    if stop - start >= U(32):
        hashed = _stripes(data, start, stop, seed)
        at = start + (stop - start) // U(32) * U(32)
    else:
        hashed = seed + P5
    hashed += stop - start
    while at + U(8) <= stop:
        hashed = _rotate(hashed ^ _round(U(0), read_64(data, at)), 27) * P1 + P4
        at += U(8)
    if at + U(4) <= stop:
        hashed = _rotate(hashed ^ (_read_32(data, at) * P1), 23) * P2 + P3
        at += U(4)
    while at < stop:
        hashed = _rotate(hashed ^ (U(data[at]) * P5), 11) * P1
        at += U(1)
    return _avalanche(hashed)


@kernel
def _stripes(data: np.ndarray, start: np.uint64, stop: np.uint64, seed: np.uint64) -> np.uint64:
    at, a, b, c, d = start, seed + P1 + P2, seed + P2, seed, seed - P1
    while at + U(32) <= stop:
        a = _round(a, read_64(data, at))
        b = _round(b, read_64(data, at + U(8)))
        c = _round(c, read_64(data, at + U(16)))
        d = _round(d, read_64(data, at + U(24)))
        at += U(32)
    hashed = _rotate(a, 1) + _rotate(b, 7) + _rotate(c, 12) + _rotate(d, 18)
    for lane in (a, b, c, d):
        hashed = (hashed ^ _round(U(0), lane)) * P1 + P4
    return hashed


@kernel
def _round(lane: np.uint64, word: np.uint64) -> np.uint64:
    return _rotate(lane + word * P2, 31) * P1


@kernel
def _avalanche(hashed: np.uint64) -> np.uint64:
    hashed ^= hashed >> U(33)
    hashed *= P2
    hashed ^= hashed >> U(29)
    hashed *= P3
    return hashed ^ (hashed >> U(32))


@kernel
def _reserve_zero(hashed: np.uint64) -> np.uint64:
    return hashed if hashed != NO_KEY else U(1)


@kernel
def _rotate(word: np.uint64, bits: int) -> np.uint64:
    return (word << U(bits)) | (word >> U(64 - bits))


@inlined
def _read_32(data: np.ndarray, at: np.uint64) -> np.uint64:
    return (
        U(data[at])
        | U(data[at + U(1)]) << U(8)
        | U(data[at + U(2)]) << U(16)
        | U(data[at + U(3)]) << U(24)
    )


@inlined
def read_64(data: np.ndarray, at: np.uint64) -> np.uint64:
    """The eight bytes from here, little-endian: one load."""
    return _read_32(data, at) | _read_32(data, at + U(4)) << U(32)
