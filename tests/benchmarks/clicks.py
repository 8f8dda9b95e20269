"""Simulated clicks whose true model is known, in the forms that the contenders read."""

from __future__ import annotations

import string
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pyarrow as pa

from updates.metrics import losses
from updates.samples.schema import EVENT_TIME, LABEL, WEIGHT, SampleSchema

# One-letter names: Vowpal Wabbit's namespaces tell each other apart by their first letter.
FIELDS = tuple(string.ascii_lowercase[:20])
SCHEMA = SampleSchema(categorical=FIELDS)
SIZES = np.geomspace(3, 100_000, len(FIELDS)).astype(int)  # values of each field
ZIPF = 1.1
BASE_LOG_ODDS = -1.0
FIRST_EVENT_MS = 1_767_225_600_000  # 2026-01-01


@dataclass(frozen=True)
class Clicks:
    """n samples of 20 categorical fields.

    table : columns of SCHEMA.arrow. probabilities : (n,) true ones, of which labels were drawn.
    """

    table: pa.Table
    probabilities: np.ndarray

    @property
    def labels(self) -> np.ndarray:
        """(n,) 0.0 or 1.0."""
        return self.table.column(LABEL).to_numpy().astype(np.float64)

    @property
    def least_log_loss(self) -> float:
        """Mean log loss of the true model: no learner can be better but by chance."""
        return float(losses(self.labels, self.probabilities).mean())

    def first(self, count: int) -> Clicks:
        """The first so many samples."""
        return Clicks(self.table.slice(0, count), self.probabilities[:count])

    def batches(self, rows: int) -> list[pa.RecordBatch]:
        """Batches of so many rows, as they lie in a log."""
        return self.table.combine_chunks().to_batches(max_chunksize=rows)

    def ndjson(self, rows: int) -> list[bytes]:
        """Bodies of requests of so many rows, times in epoch milliseconds."""
        encoder = msgspec.json.Encoder()
        return [encoder.encode_lines(part) for part in _parts(self.table, rows)]

    def dicts(self) -> list[dict[str, str]]:
        """Features of each row, as Python objects."""
        return self.table.select(FIELDS).to_pylist()

    def write_vw(self, path: Path) -> None:
        """Vowpal Wabbit's text form: a namespace a field, labels -1 and 1."""
        columns = [self.table.column(name).to_pylist() for name in FIELDS]
        template = "{} " + " ".join(f"|{name} {{}}" for name in FIELDS) + "\n"
        labels = np.where(self.labels > 0.5, "1", "-1")
        with path.open("w") as file:
            file.writelines(map(template.format, labels, *columns))


def _parts(table: pa.Table, rows: int) -> Iterator[list[dict[str, object]]]:
    plain = table.drop_columns([WEIGHT])
    times = plain.column(EVENT_TIME).cast(pa.int64())
    plain = plain.set_column(plain.column_names.index(EVENT_TIME), EVENT_TIME, times)
    for start in range(0, plain.num_rows, rows):
        yield plain.slice(start, rows).to_pylist()


def simulate(count: int, seed: int = 1) -> Clicks:
    """Values by Zipf's law, click probabilities by a logistic model of all 20 fields."""
    random = np.random.default_rng(seed)
    log_odds = np.full(count, BASE_LOG_ODDS)
    columns = {}
    for name, size in zip(FIELDS, SIZES, strict=True):
        popularity = np.arange(1, size + 1) ** -ZIPF
        steps = np.cumsum(popularity / popularity.sum())
        ranks = np.searchsorted(steps[:-1], random.random(count))
        log_odds += random.normal(0, 0.4, size)[ranks]
        columns[name] = pa.array([f"v{rank}" for rank in range(size)]).take(pa.array(ranks))
    probabilities = 1 / (1 + np.exp(-log_odds))
    own = {
        LABEL: pa.array((random.random(count) < probabilities).astype(np.float32)),
        EVENT_TIME: pa.array(FIRST_EVENT_MS + 100 * np.arange(count)),
        WEIGHT: pa.array(np.ones(count, np.float32)),
    }
    return Clicks(pa.table({**own, **columns}).cast(SCHEMA.arrow), probabilities)
