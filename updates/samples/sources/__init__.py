"""Recorded samples by name or by path."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from updates.samples.schema import SampleSchema
from updates.samples.sources.base import Source, SourceMissing
from updates.samples.sources.files import CsvFile, FileSource, NdjsonFile, ParquetFile
from updates.samples.sources.ml_100k import ML_100K, MovieLens100K
from updates.samples.sources.open_bandit import OPEN_BANDIT, OpenBandit

__all__ = ["ML_100K", "OPEN_BANDIT", "SOURCES", "Source", "SourceMissing", "open_source"]

SOURCES: dict[str, type[MovieLens100K | OpenBandit]] = {
    "ml-100k": MovieLens100K,
    "open-bandit": OpenBandit,
}
FILES: dict[str, type[FileSource]] = {
    ".csv": CsvFile,
    ".ndjson": NdjsonFile,
    ".jsonl": NdjsonFile,
    ".parquet": ParquetFile,
}


def open_source(
    name_or_path: str | Path, schema: SampleSchema | None = None, **options: Any
) -> Source:
    """The source of a name, or the samples in a file.

    schema : of the recommender; a named source has one of its own, a file needs one.
    options : which of the samples; those that the source's class names.

    Raises SourceMissing where there is no such source or it has no such option, ParseError where
    it lacks a field of the schema or cannot be read, ValueError where a file comes without a
    schema.
    """
    named = SOURCES.get(str(name_or_path))
    path = Path(name_or_path)
    kind = FILES.get(path.suffix.lower())
    source = named or kind
    if source is not None and (unknown := sorted(set(options) - set(source.options))):
        raise SourceMissing(f"{name_or_path} has no {', '.join(unknown).replace('_', ' ')}")
    if named is not None:
        return named(schema, **options)
    if kind is None or not path.is_file():
        known = f"{', '.join(SOURCES)}, or a file that ends in {', '.join(FILES)}"
        raise SourceMissing(f"no source {str(name_or_path)!r}; there are {known}")
    if schema is None:
        raise ValueError(f"{path} needs a schema")
    return kind(path, schema)
