"""Where recorded samples come from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import ClassVar

import pyarrow as pa

from updates.samples.errors import ParseError
from updates.samples.parse import ParsedBatch
from updates.samples.schema import SampleSchema

BATCH_ROWS = 1000


class SourceMissing(LookupError):
    """A source that is not there; says what to do about it."""


class Source(ABC):
    """Recorded samples in canonical batches, the same at every reading.

    Iterating gives the batches; ``parsed`` gives with each the rows that were refused.

    name : tells these samples from those of other sources, and of this one with other options.
    schema : of the batches. total_rows : number of rows, None where it is known only at the end.
    options : what can be chosen about it, by keyword.
    """

    options: ClassVar[tuple[str, ...]] = ()
    name: str
    schema: SampleSchema
    total_rows: int | None

    @abstractmethod
    def parsed(self) -> Iterator[ParsedBatch]:
        """The batches, and the errors of refused rows, numbered from 0 within the source.

        Raises ParseError where the source cannot be read.
        """

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        return (parsed.batch for parsed in self.parsed())


def select(table: pa.Table, schema: SampleSchema) -> pa.Table:
    """The columns of a schema; raises ParseError where the table lacks one."""
    for field in schema.arrow:
        if (
            field.name not in table.column_names
            or table.schema.field(field.name).type != field.type
        ):
            had = ", ".join(f"{column.name} ({column.type})" for column in table.schema)
            raise ParseError(f"has no field {field.name!r} of type {field.type}; it has {had}")
    return table.select(schema.arrow.names).cast(schema.arrow)
