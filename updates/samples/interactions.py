"""Interactions as a device sends them → samples, and the rows that were refused. Imports no Django.

A device knows the user, so that its rows name none; each has an id, by which one that is sent again
is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from updates.learners.device import Interaction
from updates.samples.batches import to_ms
from updates.samples.devices import SentInteraction
from updates.samples.errors import RowError, got
from updates.samples.parse import parse_rows
from updates.samples.schema import EVENT_TIME, LABEL, WEIGHT, SampleSchema

LONGEST_ID = 64
LONGEST_NAME = 1_000
# What a device says counts for as many samples as this at most.
MOST_WEIGHT = 10.0
# Clocks that differ by less are taken to agree.
SKEW = timedelta(seconds=5)
FUTURE = timedelta(seconds=60)
FIELDS = ("id", "item", "label", "event_time", "weight", "over")


@dataclass(frozen=True)
class ReadInteractions:
    """Good rows, each as a sample and as the device's, in the order sent; errors of the others."""

    batch: pa.RecordBatch
    sent: list[SentInteraction]
    errors: list[RowError]

    def only(self, wanted: Sequence[bool]) -> ReadInteractions:
        """The good rows for which that is true."""
        kept = np.flatnonzero(np.asarray(wanted, bool))
        return ReadInteractions(
            self.batch.take(pa.array(kept)), [self.sent[row] for row in kept], self.errors
        )


def read_interactions(
    schema: SampleSchema,
    user: str,
    rows: Sequence[Mapping[str, Any]],
    *,
    now: datetime,
    sent_at: datetime | None,
    oldest: timedelta,
) -> ReadInteractions:
    """Read what a device sent.

    sent_at : what its clock said then; event times are set right by how far that is from ``now``.
    oldest : what happened longer ago is refused, as it might have been taken and forgotten.
    """
    numbers, good, errors = [], [], []
    for number, row in enumerate(rows):
        if problem := _problem(row):
            errors.append(RowError(number, *problem))
        else:
            numbers.append(number)
            good.append(row)
    parsed = parse_rows(schema, [_as_sample(schema, user, row) for row in good], sent_at or now)
    own = {schema.user: "user", schema.item: "item"}
    bad = {error.row for error in parsed.errors}
    errors += [
        RowError(numbers[error.row], own.get(error.field, error.field), error.error)
        for error in parsed.errors
    ]
    left = [n for n in range(len(good)) if n not in bad]
    batch = _in_our_time(parsed.batch, now - sent_at if sent_at else timedelta())
    read = [_sent(good[n], batch, place) for place, n in enumerate(left)]
    late = [_time_problem(one.event_time_ms, now, oldest) for one in read]
    errors += [
        RowError(numbers[n], EVENT_TIME, why) for n, why in zip(left, late, strict=True) if why
    ]
    everything = ReadInteractions(batch, read, sorted(errors, key=lambda error: error.row))
    return everything.only([not why for why in late])


def _problem(row: Mapping[str, Any]) -> tuple[str, str] | None:
    """The field at fault and what is wrong, of what samples know nothing of."""
    if unknown := sorted(set(row) - set(FIELDS)):
        return str(unknown[0]), f"is not known; an interaction has {', '.join(FIELDS)}"
    if not _is_name(row.get("id"), LONGEST_ID):
        return "id", f"must be 1 to {LONGEST_ID} printable characters, got {got(row.get('id'))}"
    for field in ("item", "over"):
        value = row.get(field)
        if not (_is_name(value, LONGEST_NAME) or (field == "over" and value is None)):
            return field, f"must be 1 to {LONGEST_NAME} printable characters, got {got(value)}"
    weight = row.get("weight")
    heavy = isinstance(weight, int | float) and not weight <= MOST_WEIGHT
    return ("weight", f"must be at most {MOST_WEIGHT:g}, got {got(weight)}") if heavy else None


def _is_name(value: Any, longest: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= longest and value.isprintable()


def _as_sample(schema: SampleSchema, user: str, row: Mapping[str, Any]) -> dict[str, Any]:
    own = {name: row[name] for name in (LABEL, EVENT_TIME, WEIGHT) if row.get(name) is not None}
    return {str(schema.user): user, str(schema.item): row["item"], **own}


def _in_our_time(batch: pa.RecordBatch, skew: timedelta) -> pa.RecordBatch:
    if abs(skew) <= SKEW:
        return batch
    place = batch.schema.get_field_index(EVENT_TIME)
    times = np.array(batch.column(place).view(pa.int64())) + round(skew.total_seconds() * 1000)
    shifted = pa.array(times).view(batch.schema.field(place).type)
    return batch.set_column(place, batch.schema.field(place), shifted)


def _sent(row: Mapping[str, Any], batch: pa.RecordBatch, place: int) -> SentInteraction:
    interaction = Interaction(
        row["item"],
        float(batch.column(LABEL)[place].as_py()),
        float(batch.column(WEIGHT)[place].as_py()),
        row.get("over"),
    )
    return SentInteraction(row["id"], to_ms(batch.column(EVENT_TIME)[place].as_py()), interaction)


def _time_problem(event_time_ms: int, now: datetime, oldest: timedelta) -> str:
    if event_time_ms < to_ms(now - oldest):
        return f"is more than {oldest.total_seconds():g} seconds ago, which is not taken any more"
    return "is in the future" if event_time_ms > to_ms(now + FUTURE) else ""
