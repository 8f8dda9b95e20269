"""Arrow columns as clients send them → the types that the checks work on.

A value that cannot be read becomes null; a whole column that cannot raises ParseError.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import types

from updates.samples.errors import ParseError

MAX_DECODED_BYTES = 1 << 28
EPOCH_MS = pa.int64()
NUMBER = pa.float64()
TEXT = pa.string()
TEXTS = pa.list_(pa.string())


def to_text(array: pa.Array) -> pa.Array:
    """Strings from strings of any layout, dictionaries of them and integers."""
    if array.type == TEXT:
        return array
    if not (_is_text(array.type) or types.is_integer(array.type) or types.is_null(array.type)):
        raise ParseError(f"{array.type} cannot become strings")
    _refuse_expansion(array)
    return array.cast(TEXT)


def to_number(array: pa.Array) -> pa.Array:
    """Numbers from numbers of any width, booleans and strings."""
    if array.type == NUMBER:
        return array
    if _is_text(array.type):
        return _cast_or_null(to_text(array), NUMBER)
    kinds = (
        types.is_integer,
        types.is_floating,
        types.is_decimal,
        types.is_boolean,
        types.is_null,
    )
    if not any(is_kind(array.type) for is_kind in kinds):
        raise ParseError(f"{array.type} cannot become numbers")
    return array.cast(NUMBER, safe=False)


def to_epoch_ms(array: pa.Array) -> pa.Array:
    """Epoch milliseconds from timestamps (without a zone they are UTC), integers and RFC 3339."""
    if types.is_timestamp(array.type):
        # Finer units are cut to milliseconds; seconds may not fit and are tried one by one.
        milliseconds = pa.timestamp("ms", "UTC")
        if array.type.unit == "s":
            return _cast_or_null(array, milliseconds).view(EPOCH_MS)
        return array.cast(milliseconds, safe=False).view(EPOCH_MS)
    if _is_text(array.type):
        return _read_instants(to_text(array))
    if types.is_floating(array.type):
        return _cast_or_null(pc.trunc(array), EPOCH_MS)
    if not (types.is_integer(array.type) or types.is_null(array.type)):
        raise ParseError(f"{array.type} cannot become times")
    return _cast_or_null(array, EPOCH_MS)


def to_texts(array: pa.Array) -> pa.Array:
    """Lists of strings from lists of what ``to_text`` reads."""
    if array.type == TEXTS:
        return array
    if types.is_null(array.type):
        return array.cast(TEXTS)
    kinds = (types.is_list, types.is_large_list, types.is_fixed_size_list)
    if not any(is_kind(array.type) for is_kind in kinds):
        raise ParseError(f"{array.type} cannot become lists of strings")
    to_text(array.flatten())
    return array.cast(TEXTS)


READERS: dict[pa.DataType, Callable[[pa.Array], pa.Array]] = {
    TEXT: to_text,
    NUMBER: to_number,
    EPOCH_MS: to_epoch_ms,
    TEXTS: to_texts,
}


def _is_text(kind: pa.DataType) -> bool:
    if types.is_dictionary(kind):
        return _is_text(kind.value_type) and not types.is_dictionary(kind.value_type)
    return kind in (TEXT, pa.large_string(), pa.string_view())


def _refuse_expansion(array: pa.Array) -> None:
    """A few bytes of a dictionary or a view can stand for gigabytes of repeated strings."""
    size = 0
    if types.is_dictionary(array.type):
        lengths = pc.binary_length(to_text(array.dictionary)).cast(pa.int64())
        size = pc.sum(lengths.take(array.indices)).as_py() or 0
    elif types.is_string_view(array.type):
        views = np.frombuffer(array.buffers()[1], np.int32).reshape(-1, 4)
        size = int(views[array.offset : array.offset + len(array), 0].sum(dtype=np.int64))
    if size > MAX_DECODED_BYTES:
        raise ParseError(f"holds {size} bytes of strings, at most {MAX_DECODED_BYTES} are allowed")


def _read_instants(texts: pa.StringArray) -> pa.Array:
    try:
        return _to_ms(texts.cast(pa.timestamp("ns", "UTC")))
    except pa.ArrowInvalid:
        digits = pc.match_substring_regex(texts, "^-?[0-9]+$")
        nothing = pa.scalar(None, TEXT)
        numbers = _cast_or_null(pc.if_else(digits, texts, nothing), EPOCH_MS)
        times = _cast_or_null(pc.if_else(digits, nothing, texts), pa.timestamp("ns", "UTC"))
        return pc.coalesce(numbers, _to_ms(times))


def _to_ms(nanoseconds: pa.Array) -> pa.Array:
    return nanoseconds.cast(pa.timestamp("ms", "UTC"), safe=False).view(EPOCH_MS)


def _cast_or_null(array: pa.Array, kind: pa.DataType) -> pa.Array:
    """Cast; a value that cannot be becomes null. Halves the array until it finds those."""
    try:
        return array.cast(kind)
    except pa.ArrowInvalid:
        if len(array) == 1:
            return pa.nulls(1, kind)
        half = len(array) // 2
        return pa.concat_arrays(
            [_cast_or_null(array.slice(0, half), kind), _cast_or_null(array.slice(half), kind)]
        )
