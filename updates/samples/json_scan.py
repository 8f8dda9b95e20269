"""Lines of JSON → where each field's value stands: one pass over the bytes, compiled.

Takes what nearly all clients send and leaves the rest to a careful reader: one objection anywhere,
and the whole body is left. The grammar is RFC 8259's; that strings are UTF-8 is for the caller to
see to. Eight bytes at a time are looked at, as in Lamport, "Multiple byte processing with full-word
instructions", CACM 18 (8), 1975.
"""

from __future__ import annotations

import numpy as np

from updates.samples.hashing import read_64
from updates.samples.jit import bare_kernel, inlined

U = np.uint64
PADDING = 16  # bytes of new lines that must follow a body
TEXT, NUMBER, TEXTS, INSTANT = 0, 1, 2, 3
DIGITS, ESCAPED = np.uint8(1), np.uint8(2)  # marks of a field
STRINGS = np.uint8(4)
NULL = -1
REFUSED = -1

_ONES, _HIGH = U(0x0101010101010101), U(0x8080808080808080)
_QUOTES, _SLASHES, _SPACES = U(0x2222222222222222), U(0x5C5C5C5C5C5C5C5C), U(0x2020202020202020)
_PLACES = U(0x0001020304050607)
QUOTE, BACKSLASH, COMMA, COLON, NEWLINE = ord('"'), ord("\\"), ord(","), ord(":"), ord("\n")
OPEN, CLOSE, OPEN_LIST, CLOSE_LIST = ord("{"), ord("}"), ord("["), ord("]")
SPACE, TAB, RETURN, MINUS, PLUS, DOT = ord(" "), ord("\t"), ord("\r"), ord("-"), ord("+"), ord(".")
ZERO, NINE, LOWER_N, LOWER_E, UPPER_E = ord("0"), ord("9"), ord("n"), ord("e"), ord("E")
LOWER_U, LOWER_A, LOWER_F = ord("u"), ord("a"), ord("f")
SHORT_ESCAPES = np.zeros(256, np.uint8)  # what stands for the byte behind a backslash
SHORT_ESCAPES[list(b'"\\/bfnrt')] = list(b'"\\/\b\f\n\r\t')
_NULL_WORD, _NULL_MASK = U(int.from_bytes(b"null", "little")), U(0xFFFFFFFF)


@bare_kernel
def scan(  # noqa: PLR0917
    body: np.ndarray,
    names: np.ndarray,
    name_ends: np.ndarray,
    kinds: np.ndarray,
    cells: np.ndarray,
    items: np.ndarray,
    marks: np.ndarray,
    order: np.ndarray,
) -> int:
    """Find the values of all rows.

    Parameters
    ----------
    body : (b + PADDING,) uint8.
    names : uint8, the fields' names as JSON, quotes and all, each followed by 8 bytes of anything;
        name_ends : (k, 2) where each starts and stops.
    kinds : (k,) TEXT, NUMBER, TEXTS or INSTANT.
    cells : (rows, k, 2) int32, filled with start and length of each value without its quotes, of a
        list with start and number of its items; length NULL where there is none.
    items : (any, 2) int32, filled with start and length of the strings of lists.
    marks : (k,) uint8, set to what a field's values are: DIGITS, STRINGS, ESCAPED.
    order : (k,) int64 fields in the order expected in a row; becomes that of the last one.

    Returns
    -------
    Number of rows, or REFUSED.
    """
    end = len(body) - PADDING
    at, row, used = 0, 0, 0
    while True:
        while at < end and (body[at] == NEWLINE or _is_blank(body[at])):
            at += 1
        if at >= end:
            return row
        if body[at] != OPEN or row == len(cells):
            return REFUSED
        at, used = _row(body, at, names, name_ends, kinds, cells, row, items, used, marks, order)
        if at < 0:
            return REFUSED
        at = _skip(body, at)
        if at < end and body[at] != NEWLINE:
            return REFUSED
        row += 1


@bare_kernel
def measure(cells: np.ndarray, lengths: np.ndarray, nulls: np.ndarray) -> None:
    """Add up the (k,) lengths, and the (k,) number of nulls, of the fields of (n, k, 2) cells."""
    for row in range(len(cells)):
        for field in range(len(lengths)):
            length = cells[row, field, 1]
            nulls[field] += length < 0
            lengths[field] += max(length, 0)


@bare_kernel
def copy(  # noqa: PLR0917
    body: np.ndarray,
    cells: np.ndarray,
    marks: np.ndarray,
    starts: np.ndarray,
    ends: np.ndarray,
    data: np.ndarray,
) -> None:
    """Copy strings, those of a field one behind the other.

    Parameters
    ----------
    cells, marks : (n, k, 2) and (k,), as ``scan`` fills them.
    starts : (k,) where in ``data`` the strings of each field start; 8 bytes more than the sum of
        their lengths are written.
    ends : (k, n + 1) int32, filled with Arrow's offsets. data : uint8, filled.
    """
    for field in range(len(starts)):
        ends[field, 0] = 0
    for row in range(len(cells)):
        for field in range(len(starts)):
            start, length = cells[row, field, 0], cells[row, field, 1]
            to = starts[field] + ends[field, row]
            if length <= 0:
                stop = to
            elif marks[field] & ESCAPED:
                stop = _unescape(body, start, start + length, data, to)
            else:
                for i in range(0, length, 8):
                    _write_64(data, to + i, read_64(body, U(start + i)))
                stop = to + length
            ends[field, row + 1] = stop - starts[field]


@inlined
def _row(  # noqa: PLR0917
    body: np.ndarray,
    at: int,
    names: np.ndarray,
    name_ends: np.ndarray,
    kinds: np.ndarray,
    cells: np.ndarray,
    row: int,
    items: np.ndarray,
    used: int,
    marks: np.ndarray,
    order: np.ndarray,
) -> tuple[int, int]:
    """Find the values of the row that opens here; the position behind it and the items used."""
    for field in range(len(kinds)):
        cells[row, field, 1] = NULL
    at = _skip(body, at + 1)
    if body[at] == CLOSE:
        return at + 1, used
    place = 0
    while True:
        field = _field(body, at, names, name_ends, order, place)
        if field < 0:
            return REFUSED, used
        at = _skip(body, at + name_ends[field, 1] - name_ends[field, 0])
        if body[at] != COLON:
            return REFUSED, used
        at = _skip(body, at + 1)
        if kinds[field] == TEXTS and body[at] == OPEN_LIST:
            cells[row, field, 0] = used
            at, used = _list(body, at, items, used, marks, field)
            cells[row, field, 1] = used - cells[row, field, 0]
        else:
            at = _value(body, at, kinds[field], cells, row, field, marks)
        if at < 0:
            return REFUSED, used
        at = _skip(body, at)
        if body[at] == CLOSE:
            return at + 1, used
        if body[at] != COMMA:
            return REFUSED, used
        at, place = _skip(body, at + 1), place + 1


@inlined
def _is_blank(byte: np.uint8) -> bool:
    return byte in (SPACE, TAB, RETURN)


@inlined
def _skip(body: np.ndarray, at: int) -> int:
    while _is_blank(body[at]):
        at += 1
    return at


@inlined
def _field(  # noqa: PLR0917
    body: np.ndarray,
    at: int,
    names: np.ndarray,
    name_ends: np.ndarray,
    order: np.ndarray,
    place: int,
) -> int:
    """The field whose name stands here; -1 for none. Most rows have the order of the row before."""
    if place < len(order) and _stands(body, at, names, name_ends, order[place]):
        return int(order[place])
    for field in range(len(name_ends)):
        if _stands(body, at, names, name_ends, field):
            if place < len(order):
                order[place] = field
            return field
    return -1


@inlined
def _stands(
    body: np.ndarray, at: int, names: np.ndarray, name_ends: np.ndarray, field: int
) -> bool:
    start, stop = name_ends[field, 0], name_ends[field, 1]
    if at + stop - start > len(body) - PADDING:
        return False
    while start + 8 < stop:
        if read_64(body, U(at)) != read_64(names, U(start)):
            return False
        start, at = start + 8, at + 8
    unlike = read_64(body, U(at)) ^ read_64(names, U(start))
    return bool(unlike << U(8 * (8 - stop + start)) == 0)


@inlined
def _value(  # noqa: PLR0917
    body: np.ndarray,
    at: int,
    kind: int,
    cells: np.ndarray,
    row: int,
    field: int,
    marks: np.ndarray,
) -> int:
    """Find one value that is no list; returns the position behind it or REFUSED."""
    byte = body[at]
    if byte == QUOTE and kind in (TEXT, INSTANT):
        stop, escaped = _string(body, at + 1)
        marks[field] |= STRINGS
        if escaped:
            marks[field] |= ESCAPED
        cells[row, field, 0], cells[row, field, 1] = at + 1, stop - at - 1
        return stop + 1 if stop >= 0 else REFUSED
    if byte == LOWER_N:
        cells[row, field, 1] = NULL
        return at + 4 if read_64(body, U(at)) & _NULL_MASK == _NULL_WORD else REFUSED
    if kind in (NUMBER, INSTANT):
        stop, whole = _number(body, at)
        marks[field] |= DIGITS
        cells[row, field, 0], cells[row, field, 1] = at, stop - at
        return stop if whole or kind == NUMBER else REFUSED
    return REFUSED


@inlined
def _list(  # noqa: PLR0917
    body: np.ndarray, at: int, items: np.ndarray, used: int, marks: np.ndarray, field: int
) -> tuple[int, int]:
    """Find the strings of a list; returns the position behind it and the items used so far."""
    at = _skip(body, at + 1)
    if body[at] == CLOSE_LIST:
        return at + 1, used
    while True:
        if body[at] != QUOTE or used == len(items):
            return REFUSED, used
        stop, escaped = _string(body, at + 1)
        if stop < 0:
            return REFUSED, used
        if escaped:
            marks[field] |= ESCAPED
        items[used, 0], items[used, 1] = at + 1, stop - at - 1
        used += 1
        at = _skip(body, stop + 1)
        if body[at] == CLOSE_LIST:
            return at + 1, used
        if body[at] != COMMA:
            return REFUSED, used
        at = _skip(body, at + 1)


@inlined
def _string(body: np.ndarray, at: int) -> tuple[int, bool]:
    """Where a string ends, its closing quote, or REFUSED; and whether it has an escape."""
    escaped = False
    while True:
        found = _special(read_64(body, U(at)))
        if found == 0:
            at += 8
            continue
        # The lowest bit set is that of the first such byte; those above it may be wrong.
        at += int(((found & (~found + U(1))) >> U(7)) * _PLACES >> U(56))
        if body[at] == QUOTE:
            return at, escaped
        if body[at] != BACKSLASH:
            return REFUSED, escaped
        _, size = _escape(body, at)
        if size == 0:
            return REFUSED, escaped
        escaped = True
        at += size


@inlined
def _special(word: np.uint64) -> np.uint64:
    """High bits of the bytes of a word that are a quote, a backslash or a control character."""
    quotes, slashes = word ^ _QUOTES, word ^ _SLASHES
    controls = (word - _SPACES) & ~word
    found = ((quotes - _ONES) & ~quotes) | ((slashes - _ONES) & ~slashes) | controls
    return found & _HIGH


@inlined
def _number(body: np.ndarray, at: int) -> tuple[int, bool]:
    """Where a number ends or REFUSED; and whether it is written as a whole one."""
    if body[at] == MINUS:
        at += 1
    stop = _digits(body, at)
    if stop == at or (body[at] == ZERO and stop > at + 1):
        return REFUSED, False
    whole = True
    if body[stop] == DOT:
        whole, at = False, stop + 1
        stop = _digits(body, at)
        if stop == at:
            return REFUSED, False
    if body[stop] == LOWER_E or body[stop] == UPPER_E:
        whole, at = False, stop + 1
        if body[at] == MINUS or body[at] == PLUS:
            at += 1
        stop = _digits(body, at)
        if stop == at:
            return REFUSED, False
    return stop, whole


@inlined
def _digits(body: np.ndarray, at: int) -> int:
    while ZERO <= body[at] <= NINE:
        at += 1
    return at


@inlined
def _escape(body: np.ndarray, at: int) -> tuple[int, int]:
    """Code point of the escape that starts here and its bytes; 0 bytes where it is none.

    A surrogate is none: pairs are rare, single ones wrong.
    """
    kind = body[at + 1]
    if kind != LOWER_U:
        code = int(SHORT_ESCAPES[kind])
        return code, 2 if code else 0
    code = 0
    for i in range(at + 2, at + 6):
        digit = body[i]
        lower = digit | 32
        if ZERO <= digit <= NINE:
            code = code * 16 + digit - ZERO
        elif LOWER_A <= lower <= LOWER_F:
            code = code * 16 + lower - LOWER_A + 10
        else:
            return 0, 0
    return code, 0 if 0xD800 <= code < 0xE000 else 6


@inlined
def _unescape(body: np.ndarray, at: int, stop: int, data: np.ndarray, to: int) -> int:
    """Copy a string, its escapes as UTF-8, which is never longer; returns the end of the copy."""
    while at < stop:
        if body[at] != BACKSLASH:
            data[to] = body[at]
            at, to = at + 1, to + 1
            continue
        code, size = _escape(body, at)
        at += size
        if code < 0x80:
            data[to] = code
            to += 1
        elif code < 0x800:
            data[to], data[to + 1] = 0xC0 | code >> 6, 0x80 | code & 0x3F
            to += 2
        else:
            data[to], data[to + 1] = 0xE0 | code >> 12, 0x80 | code >> 6 & 0x3F
            data[to + 2] = 0x80 | code & 0x3F
            to += 3
    return to


@inlined
def _write_64(data: np.ndarray, at: int, word: np.uint64) -> None:
    for i in range(8):
        data[at + i] = np.uint8(word >> U(8 * i))
