"""Lines of JSON → where each field's value stands: one pass over the bytes, compiled.

Takes what nearly all clients send and leaves the rest to a careful reader: one objection anywhere,
and the whole body is left. The grammar is RFC 8259's; that strings are UTF-8 is for the caller to
see to. Eight bytes at a time are looked at, as in Lamport, "Multiple byte processing with full-word
instructions", CACM 18 (8), 1975.
"""

from __future__ import annotations

import numpy as np

from updates.samples.hashing import _read_64
from updates.samples.jit import kernel

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
LOWER_U, LOWER_L = ord("u"), ord("l")
_NULL_WORD, _NULL_MASK = U(int.from_bytes(b"null", "little")), U(0xFFFFFFFF)


@kernel
def scan(
    body: np.ndarray,
    names: np.ndarray,
    name_ends: np.ndarray,
    kinds: np.ndarray,
    cells: np.ndarray,
    items: np.ndarray,
    marks: np.ndarray,
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

    Returns
    -------
    Number of rows, or REFUSED.
    """
    fields, end = len(kinds), len(body) - PADDING
    order = np.arange(fields)  # the fields as the row before had them
    at, row, used = 0, 0, 0
    while True:
        while at < end and (body[at] == NEWLINE or _is_blank(body[at])):
            at += 1
        if at >= end:
            return row
        if body[at] != OPEN or row == len(cells):
            return REFUSED
        at = _skip(body, at + 1)
        for field in range(fields):
            cells[row, field, 1] = NULL
        place = 0
        while body[at] != CLOSE or place > 0:
            field = _field(body, at, names, name_ends, order, place)
            if field < 0:
                return REFUSED
            at = _skip(body, at + name_ends[field, 1] - name_ends[field, 0])
            if body[at] != COLON:
                return REFUSED
            at = _skip(body, at + 1)
            if kinds[field] == TEXTS and body[at] == OPEN_LIST:
                cells[row, field, 0] = used
                at, used = _list(body, at, items, used, marks, field)
                cells[row, field, 1] = used - cells[row, field, 0]
            else:
                at = _value(body, at, kinds[field], cells[row, field], marks, field)
            if at < 0:
                return REFUSED
            at = _skip(body, at)
            place += 1
            if body[at] == CLOSE:
                break
            if body[at] != COMMA:
                return REFUSED
            at = _skip(body, at + 1)
        at = _skip(body, at + 1)
        if at < end and body[at] != NEWLINE:
            return REFUSED
        row += 1


@kernel
def copy(
    body: np.ndarray, cells: np.ndarray, escaped: bool, ends: np.ndarray, data: np.ndarray
) -> None:
    """Copy the strings of one column, n of them, one behind the other.

    Parameters
    ----------
    cells : (n, 2) start and length, as ``scan`` fills them. escaped : whether any has an escape.
    ends : (n + 1,) int32, filled with Arrow's offsets. data : (at least the sum of the lengths + 8,)
        uint8, filled.
    """
    to = 0
    ends[0] = 0
    for row in range(len(cells)):
        start, length = cells[row]
        if length > 0:
            if escaped:
                to = _unescape(body, start, start + length, data, to)
            else:
                for i in range(0, length, 8):
                    _write_64(data, to + i, _read_64(body, U(start + i)))
                to += length
        ends[row + 1] = to


@kernel
def _is_blank(byte: np.uint8) -> bool:
    return byte == SPACE or byte == TAB or byte == RETURN


@kernel
def _skip(body: np.ndarray, at: int) -> int:
    while _is_blank(body[at]):
        at += 1
    return at


@kernel
def _field(
    body: np.ndarray,
    at: int,
    names: np.ndarray,
    name_ends: np.ndarray,
    order: np.ndarray,
    place: int,
) -> int:
    """The field whose name stands here; -1 for none. Most rows have the order of the row before."""
    if place < len(order) and _stands(body, at, names, name_ends[order[place]]):
        return int(order[place])
    for field in range(len(name_ends)):
        if _stands(body, at, names, name_ends[field]):
            if place < len(order):
                order[place] = field
            return field
    return -1


@kernel
def _stands(body: np.ndarray, at: int, names: np.ndarray, ends: np.ndarray) -> bool:
    start, length = ends[0], ends[1] - ends[0]
    if at + length > len(body):
        return False
    i = 0
    while i + 8 <= length:
        if _read_64(body, U(at + i)) != _read_64(names, U(start + i)):
            return False
        i += 8
    while i < length:
        if body[at + i] != names[start + i]:
            return False
        i += 1
    return True


@kernel
def _value(
    body: np.ndarray, at: int, kind: int, cell: np.ndarray, marks: np.ndarray, field: int
) -> int:
    """Find one value that is no list; returns the position behind it or REFUSED."""
    byte = body[at]
    if byte == QUOTE and (kind == TEXT or kind == INSTANT):
        stop, escaped = _string(body, at + 1)
        marks[field] |= STRINGS
        if escaped:
            marks[field] |= ESCAPED
        cell[0], cell[1] = at + 1, stop - at - 1
        return stop + 1 if stop >= 0 else REFUSED
    if byte == LOWER_N:
        cell[1] = NULL
        return at + 4 if _read_64(body, U(at)) & _NULL_MASK == _NULL_WORD else REFUSED
    if kind == NUMBER or kind == INSTANT:
        stop, whole = _number(body, at)
        marks[field] |= DIGITS
        cell[0], cell[1] = at, stop - at
        return stop if whole or kind == NUMBER else REFUSED
    return REFUSED


@kernel
def _list(
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


@kernel
def _string(body: np.ndarray, at: int) -> tuple[int, bool]:
    """Where a string ends, its closing quote, or REFUSED; and whether it has an escape."""
    escaped = False
    while True:
        found = _special(_read_64(body, U(at)))
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


@kernel
def _special(word: np.uint64) -> np.uint64:
    """High bits of the bytes of a word that are a quote, a backslash or a control character."""
    quotes, slashes = word ^ _QUOTES, word ^ _SLASHES
    controls = (word - _SPACES) & ~word
    found = ((quotes - _ONES) & ~quotes) | ((slashes - _ONES) & ~slashes) | controls
    return found & _HIGH


@kernel
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


@kernel
def _digits(body: np.ndarray, at: int) -> int:
    while ZERO <= body[at] <= NINE:
        at += 1
    return at


@kernel
def _escape(body: np.ndarray, at: int) -> tuple[int, int]:
    """Code point of the escape that starts here and its bytes; 0 bytes where it is none.

    A surrogate is none: pairs are rare, single ones wrong.
    """
    kind = body[at + 1]
    if kind == QUOTE or kind == BACKSLASH or kind == ord("/"):
        return int(kind), 2
    if kind == ord("b"):
        return 8, 2
    if kind == ord("f"):
        return 12, 2
    if kind == LOWER_N:
        return NEWLINE, 2
    if kind == ord("r"):
        return RETURN, 2
    if kind == ord("t"):
        return TAB, 2
    if kind != LOWER_U:
        return 0, 0
    code = 0
    for i in range(at + 2, at + 6):
        digit = body[i]
        lower = digit | 32
        if ZERO <= digit <= NINE:
            code = code * 16 + digit - ZERO
        elif ord("a") <= lower <= ord("f"):
            code = code * 16 + lower - ord("a") + 10
        else:
            return 0, 0
    return code, 0 if 0xD800 <= code < 0xE000 else 6


@kernel
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


@kernel
def _write_64(data: np.ndarray, at: int, word: np.uint64) -> None:
    for i in range(8):
        data[at + i] = np.uint8(word >> U(8 * i))
