"""Samples in files: CSV, newline-delimited JSON and Parquet.

A bad row is refused with its number in the file (0-based, without a header) and the others come.
"""

from __future__ import annotations

import csv
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from updates.samples.errors import ParseError, RowError
from updates.samples.parse import ParsedBatch, parse_ndjson, parse_rows, parse_table
from updates.samples.schema import SampleSchema
from updates.samples.sources.base import BATCH_ROWS, Source

LIST_SEPARATOR = "|"


class FileSource(Source):
    """Samples in one file, ``batch_rows`` rows at a time."""

    def __init__(self, path: Path, schema: SampleSchema, batch_rows: int = BATCH_ROWS) -> None:
        self.path = path
        self.name = str(path)
        self.schema = schema
        self.batch_rows = batch_rows
        self.total_rows = self._count()

    def parsed(self) -> Iterator[ParsedBatch]:
        """See ``Source.parsed``; a ParseError names the file."""
        rows = 0
        try:
            for parsed in self._parsed():
                errors = [replace(error, row=error.row + rows) for error in parsed.errors]
                rows += parsed.batch.num_rows + len(errors)
                yield ParsedBatch(parsed.batch, errors)
        except (ParseError, UnicodeDecodeError, csv.Error, pa.ArrowException) as error:
            raise ParseError(f"{self.path} from row {rows}: {error}") from error

    @abstractmethod
    def _parsed(self) -> Iterator[ParsedBatch]:
        """Batches whose errors number the rows from 0 in each."""

    def _count(self) -> int | None:
        return None


class CsvFile(FileSource):
    """Comma-separated values with a header; an empty cell is null, lists are separated by ``|``."""

    def _parsed(self) -> Iterator[ParsedBatch]:
        with self.path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file)
            header = next(reader, [])
            while rows := list(islice(reader, self.batch_rows)):
                yield self._parse(header, rows)

    def _parse(self, header: list[str], rows: list[list[str]]) -> ParsedBatch:
        good = [number for number, row in enumerate(rows) if len(row) == len(header)]
        cells = zip(*(rows[number] for number in good), strict=True) if good else [()] * len(header)
        columns = [self._column(*named) for named in zip(header, cells, strict=True)]
        parsed = parse_table(self.schema, pa.table(columns, names=header))
        errors = [replace(error, row=good[error.row]) for error in parsed.errors]
        for number in set(range(len(rows))).difference(good):
            problem = f"must have {len(header)} cells, as the header has, got {len(rows[number])}"
            errors.append(RowError(number, "", problem))
        return ParsedBatch(parsed.batch, sorted(errors, key=lambda error: error.row))

    def _column(self, name: str, cells: tuple[str, ...]) -> pa.Array:
        texts = pa.array([cell or None for cell in cells], pa.string())
        if name in self.schema.multivalued:
            return pc.split_pattern(texts, LIST_SEPARATOR)
        return texts


class NdjsonFile(FileSource):
    """A JSON object a line."""

    def _parsed(self) -> Iterator[ParsedBatch]:
        empty = parse_rows(self.schema, []).batch
        with self.path.open("rb") as file:
            for first in range(0, 1 << 62, self.batch_rows):
                lines = list(islice(file, self.batch_rows))
                if not lines:
                    return
                try:
                    yield parse_ndjson(self.schema, b"".join(lines))
                except ParseError as error:
                    # Not a line is JSON: the wrong file, or a last batch of broken lines.
                    if not first or not error.errors:
                        raise
                    yield ParsedBatch(empty, error.errors)

    def _count(self) -> int:
        with self.path.open("rb") as file:
            return sum(1 for line in file if line.strip())


class ParquetFile(FileSource):
    """A Parquet file, its columns as ``parse_table`` takes them."""

    def _parsed(self) -> Iterator[ParsedBatch]:
        with pq.ParquetFile(self.path) as file:
            for batch in file.iter_batches(self.batch_rows):
                yield parse_table(self.schema, pa.Table.from_batches([batch]))

    def _count(self) -> int:
        try:
            return int(pq.read_metadata(self.path).num_rows)
        except pa.ArrowException as error:
            raise ParseError(f"{self.path}: {error}") from error
