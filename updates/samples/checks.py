"""The rules of a sample, checked over whole columns; what remains is a canonical batch."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from updates.samples.columns import EPOCH_MS, NUMBER, READERS, TEXT, TEXTS
from updates.samples.errors import ParseError, RowError, got
from updates.samples.hashing import NO_KEY, cross_name, hash_strings, longest, string_buffers
from updates.samples.layout import drop_repeats
from updates.samples.lists import Lists
from updates.samples.schema import (
    EVENT_TIME,
    IMPRESSION,
    LABEL,
    TIMESTAMP,
    WEIGHT,
    SampleSchema,
)

MAX_TEXT_CHARACTERS = 1024
MAX_LIST_VALUES = 1000
MAX_CROSS_PRODUCTS = 10_000
MAX_FUTURE = timedelta(days=1)
MAX_WEIGHT = float(np.finfo(np.float32).max)
MAX_IMPRESSION_CHARACTERS = 200
IMPRESSION_FIELD = pa.field(IMPRESSION, pa.string(), nullable=False)
FEEDBACK_COLUMNS = pa.schema(
    [
        IMPRESSION_FIELD,
        pa.field(EVENT_TIME, TIMESTAMP, nullable=False),
        pa.field(LABEL, pa.float32(), nullable=False),
    ]
)
ALLOWED = {
    LABEL: "must be 0 or 1",
    EVENT_TIME: "must be RFC 3339 with an offset or epoch milliseconds",
    WEIGHT: "must be a finite number from 0",
    IMPRESSION: f"must be a string of 1 to {MAX_IMPRESSION_CHARACTERS} characters",
}
KINDS = {TEXT: "must be a string", NUMBER: "must be a finite number", TEXTS: "must be a list"}


class Checker:
    """Checks the columns of one request; keeps the first error of each row.

    Parameters
    ----------
    columns : raw columns of n values by name, of any type that ``columns.READERS`` take.
    """

    def __init__(self, schema: SampleSchema, columns: Mapping[str, pa.Array], n: int) -> None:
        self.schema = schema
        self.n = n
        self.raw = columns
        self.bad = np.zeros(n, bool)
        self.errors: list[RowError] = []

    def canonical(self, now: datetime) -> pa.RecordBatch:
        """The good rows of samples, in order, as a batch of ``schema.arrow``."""
        own = [self._label(self._read(LABEL, NUMBER)), self._event_time(now), self._weight()]
        return self._batch([*own, *self._features()])

    def scoring(self) -> pa.RecordBatch:
        """The good rows to score: label and event time 0, weight 1."""
        event_time = pa.array(np.zeros(self.n, np.int64)).view(TIMESTAMP)
        own = [self._zeros(), event_time, pa.array(np.ones(self.n, np.float32))]
        return self._batch([*own, *self._features()])

    def impressions(self, now: datetime) -> pa.RecordBatch:
        """The good rows of impressions: ids, then the columns of ``schema.arrow`` with label 0."""
        ids = self._impression()
        own = [self._zeros(), self._event_time(now), self._weight()]
        batch = self._batch([*own, *self._features()])
        return batch.add_column(0, IMPRESSION_FIELD, ids.filter(pa.array(~self.bad)))

    def feedback(self, now: datetime) -> pa.RecordBatch:
        """The good rows of feedback: impression's id, event time, label; a label left out is 1."""
        columns = [self._impression(), self._event_time(now)]
        columns.append(self._label(self._read(LABEL, NUMBER).fill_null(1.0)))
        batch = pa.RecordBatch.from_arrays(columns, schema=FEEDBACK_COLUMNS)
        return batch.filter(pa.array(~self.bad))

    def _zeros(self) -> pa.Array:
        return pa.array(np.zeros(self.n, np.float32))

    def _label(self, column: pa.Array) -> pa.Array:
        values = column.to_numpy(zero_copy_only=False)
        self._refuse((values != 0) & (values != 1), LABEL, ALLOWED[LABEL])
        return column.cast(pa.float32())

    def _impression(self) -> pa.Array:
        column = self._read(IMPRESSION, TEXT)
        lengths = pc.utf8_length(column).fill_null(0).to_numpy()
        wrong = (lengths < 1) | (lengths > MAX_IMPRESSION_CHARACTERS)
        self._refuse(wrong, IMPRESSION, ALLOWED[IMPRESSION])
        return column.fill_null("")

    def _read(self, name: str, kind: pa.DataType) -> pa.Array:
        raw = self.raw.get(name)
        if raw is None:
            return pa.nulls(self.n, kind)
        try:
            column = READERS[kind](raw)
        except (ParseError, pa.ArrowException) as error:
            raise ParseError(f"column {name!r}: {error}") from error
        if column.null_count > raw.null_count:
            allowed = ALLOWED.get(name) or KINDS[kind]
            self._refuse(np.asarray(column.is_null()) & np.asarray(raw.is_valid()), name, allowed)
        return column

    def _refuse(self, wrong: np.ndarray, field: str, rule: str) -> None:
        """Refuse the rows of a mask; the error says the rule and what came."""
        if not wrong.any():
            return
        for row in np.flatnonzero(wrong & ~self.bad).tolist():
            value = self._came(field, row)
            came = "it is missing" if value is None else f"got {got(value)}"
            self.errors.append(RowError(row, field, f"{rule}, {came}"))
        self.bad |= wrong

    def _came(self, field: str, row: int) -> Any:
        if field not in self.raw:
            return None
        value = self.raw[field][row]
        # A timestamp may lie outside the years that Python knows.
        return value.value if isinstance(value, pa.TimestampScalar) else value.as_py()

    def _event_time(self, now: datetime) -> pa.Array:
        column = self._read(EVENT_TIME, EPOCH_MS)
        self._refuse(np.asarray(column.is_null()), EVENT_TIME, ALLOWED[EVENT_TIME])
        column = column.fill_null(0)
        times = column.to_numpy(zero_copy_only=False)
        latest = (now - datetime(1970, 1, 1, tzinfo=UTC) + MAX_FUTURE) // timedelta(milliseconds=1)
        self._refuse(times < 0, EVENT_TIME, "must not be before 1970")
        self._refuse(times > latest, EVENT_TIME, "must not be more than a day in the future")
        return column.view(TIMESTAMP)

    def _weight(self) -> pa.Array:
        column = self._read(WEIGHT, NUMBER).fill_null(1.0)
        weights = column.to_numpy(zero_copy_only=False)
        self._refuse(~((weights >= 0) & (weights <= MAX_WEIGHT)), WEIGHT, ALLOWED[WEIGHT])
        return column.cast(pa.float32())

    def _features(self) -> list[pa.Array]:
        texts = [self._text(name) for name in self.schema.single_valued]
        numbers = [self._number(name) for name in self.schema.numeric]
        lists = {name: self._texts(name) for name in self.schema.multivalued}
        for left, right in self.schema.crosses:
            if left in lists and right in lists:
                self._check_cross(left, right, lists)
        return [*texts, *numbers, *lists.values(), *self._logged()]

    def _logged(self) -> list[pa.Array]:
        columns = []
        if self.schema.prediction:
            column = self._read(self.schema.prediction, NUMBER)
            numbers = column.to_numpy(zero_copy_only=False)
            wrong = ~((numbers >= 0) & (numbers <= 1)) & np.asarray(column.is_valid())
            self._refuse(wrong, self.schema.prediction, "must be a probability from 0 to 1")
            columns.append(column)
        if self.schema.version:
            columns.append(self._text(self.schema.version))
        return columns

    def _text(self, name: str) -> pa.Array:
        column = self._read(name, TEXT)
        longer = _too_long(column)
        if longer is not None:
            self._refuse(longer, name, f"must have at most {MAX_TEXT_CHARACTERS} characters")
        return column

    def _number(self, name: str) -> pa.Array:
        column = self._read(name, NUMBER)
        numbers = column.to_numpy(zero_copy_only=False)
        if not np.isfinite(numbers).all():
            wrong = ~np.isfinite(numbers) & np.asarray(column.is_valid())
            self._refuse(wrong, name, KINDS[NUMBER])
        return column

    def _texts(self, name: str) -> pa.Array:
        column = self._read(name, TEXTS)
        lists = Lists.of(column)
        self._refuse(
            lists.lengths > MAX_LIST_VALUES, name, f"must have at most {MAX_LIST_VALUES} values"
        )
        if lists.values.null_count:
            nulls = np.asarray(lists.values.is_null())
            self._refuse(_any_in(lists, nulls), name, "must hold strings")
        longer = _too_long(lists.values)
        if longer is not None:
            rule = f"must hold strings of at most {MAX_TEXT_CHARACTERS} characters"
            self._refuse(_any_in(lists, longer), name, rule)
        return column

    def _check_cross(self, left: str, right: str, columns: Mapping[str, pa.Array]) -> None:
        products = Lists.of(columns[left]).lengths * Lists.of(columns[right]).lengths
        rule = f"{cross_name(left, right)} must have at most {MAX_CROSS_PRODUCTS} products"
        self._refuse(products > MAX_CROSS_PRODUCTS, left, rule)

    def _batch(self, columns: list[pa.Array]) -> pa.RecordBatch:
        batch = pa.RecordBatch.from_arrays(columns, schema=self.schema.arrow)
        if self.bad.any():
            batch = batch.filter(pa.array(~self.bad))
        for name in self.schema.multivalued:
            position = batch.schema.get_field_index(name)
            distinct = without_repeats(batch.column(position))
            batch = batch.set_column(position, self.schema.arrow.field(name), distinct)
        return batch


def without_repeats(column: pa.ListArray) -> pa.ListArray:
    """The lists without the values that stand earlier in the same list."""
    lists = Lists.of(column)
    keys = hash_strings(lists.values, np.uint64(0))
    if not drop_repeats(lists.starts, lists.stops, keys):
        return column
    kept = keys != NO_KEY
    before = np.concatenate([[0], np.cumsum(kept)])
    ends = np.append(before[lists.starts], before[-1]).astype(np.int32)
    values = lists.values.filter(pa.array(kept))
    return pa.ListArray.from_arrays(pa.array(ends), values, mask=column.is_null())


def _any_in(lists: Lists, wrong: np.ndarray) -> np.ndarray:
    """(n,) whether a list holds a value that is wrong."""
    before = np.concatenate([[0], np.cumsum(wrong)])
    return np.asarray(before[lists.stops] > before[lists.starts])


def _too_long(texts: pa.StringArray) -> np.ndarray | None:
    """Mask of the strings with too many characters; None where all are short enough."""
    ends, _ = string_buffers(texts)
    # A character has at least one byte: few columns need their characters counted.
    if longest(ends) <= MAX_TEXT_CHARACTERS:
        return None
    return np.asarray(pc.greater(pc.utf8_length(texts), MAX_TEXT_CHARACTERS).fill_null(False))
