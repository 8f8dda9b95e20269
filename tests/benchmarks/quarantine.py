"""What leaving quarantined samples out costs whoever reads a log.

``python -m tests.benchmarks quarantine``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa

from tests.benchmarks.harness import Table, alternate, rates
from updates.samples.batches import OFFSET
from updates.samples.offsets import drop

ROWS_A_BATCH = 65_536
COLUMNS = 20


def tables(
    *,
    samples: int = 2_000_000,
    ranges: tuple[int, ...] = (1, 1_000, 100_000),
    repetitions: int = 5,
) -> Iterator[Table]:
    """Samples that pass by, by how many ranges are left out of them."""
    batches = _batches(samples)
    contenders = {str(count): _passing(batches, _held(samples, count)) for count in ranges}
    found = alternate(contenders, repetitions)
    yield Table(
        "Quarantine: samples through the filter by CPU second",
        [
            {"ranges left out": int(n), "samples a CPU second": rates(samples, t)}
            for n, t in found.items()
        ],
        f"{samples:,} samples of {COLUMNS} string columns in batches of {ROWS_A_BATCH:,}; ranges "
        "of five neighbours, evenly spread.",
    )


def _batches(samples: int) -> list[pa.RecordBatch]:
    texts = pa.array([f"v{i % 1000}" for i in range(samples)])
    columns = {OFFSET: pa.array(np.arange(1, samples + 1))}
    columns |= {f"f{i}": texts for i in range(COLUMNS)}
    return pa.table(columns).to_batches(max_chunksize=ROWS_A_BATCH)


def _held(samples: int, count: int) -> list[list[int]]:
    firsts = np.linspace(1, samples - 5, count).astype(int).tolist()
    return [[first, first + 4] for first in firsts]


def _passing(batches: list[pa.RecordBatch], held: list[list[int]]) -> Callable[[], float]:
    """A contender in CPU time: what else the machine does is not counted."""

    def measure() -> float:
        began = time.process_time()
        for batch in batches:
            drop(batch, held)
        return time.process_time() - began

    return measure
