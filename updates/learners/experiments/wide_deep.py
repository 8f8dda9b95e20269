"""What each component of ``wide_deep`` brings and costs: the tables of docs/wide-deep.md.

    python -m updates.learners.experiments.wide_deep [--samples 1000000]

All components learn the first half of a stream. Then, from the same state, the second half is
learned in order by some of them, each row predicted before it is learned. ML-100k in time order,
and 28 days of simulated clicks.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from updates.learners.base import LearnReport
from updates.learners.experiments import simulated
from updates.learners.wide_deep.learner import WideDeep
from updates.metrics import quality
from updates.samples.schema import LABEL, SampleSchema
from updates.samples.sources.ml_100k import ML_100K, MovieLens100K

DAYS = 28
COMBINATIONS: tuple[tuple[str, ...], ...] = (
    ("wide", "embeddings", "upper"),
    ("wide", "upper"),
    ("wide", "embeddings"),
    ("embeddings", "upper"),
    ("wide",),
    ("embeddings",),
    ("upper",),
    (),
)


@dataclass(frozen=True)
class Outcome:
    """ne : of the second half. coverage : of its values, the share that had a vector."""

    ne: float
    cpu_seconds: float
    coverage: float


def outcomes(
    schema: SampleSchema, batches: Sequence[pa.RecordBatch], options: dict[str, Any]
) -> Iterator[tuple[str, Outcome]]:
    """An outcome a combination, the first batches being learned by all components."""
    half = len(batches) // 2
    learner = WideDeep(schema, options)
    learner.fit(batches[:half])
    for compiled in (("upper",), ("embeddings",)):
        outcome(learner.snapshot(), compiled, batches[:1])
    for components in COMBINATIONS:
        name = " + ".join(components) or "nothing"
        yield name, outcome(learner.snapshot(), components, batches[half:])


def outcome(
    learner: WideDeep, components: Sequence[str], batches: Sequence[pa.RecordBatch]
) -> Outcome:
    """Learn the batches with these components; without any, only predict."""
    if components:
        learner.train(components)
    began = time.process_time()
    if components:
        reports = [learner.learn(batch) for batch in batches]
    else:
        reports = [LearnReport(batch.num_rows, learner.predict(batch)) for batch in batches]
    seconds = time.process_time() - began
    labels = np.concatenate([batch.column(LABEL).to_numpy() for batch in batches])
    predictions = np.concatenate([report.predictions for report in reports])
    found = quality(labels.astype(np.float64), predictions)
    coverage = np.mean([np.nan if r.coverage is None else r.coverage for r in reports])
    return Outcome(found.ne or np.nan, seconds, float(coverage))


def print_table(
    title: str, schema: SampleSchema, batches: Sequence[pa.RecordBatch], options: dict[str, Any]
) -> None:
    """Markdown, a row as soon as it is there."""
    print(f"\n**{title}**\n\n| learns | NE | CPU s | values with a vector |\n|---|---:|---:|---:|")
    for name, found in outcomes(schema, batches, options):
        coverage = "" if np.isnan(found.coverage) else f"{100 * found.coverage:.1f} %"
        print(f"| {name} | {found.ne:.4f} | {found.cpu_seconds:.1f} | {coverage} |", flush=True)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=1_000_000, help="of the simulated stream")
    samples = parser.parse_args().samples
    table = pa.Table.from_batches(list(MovieLens100K())).combine_chunks()
    films = table.to_batches(max_chunksize=1_000)
    print_table("ML-100k in time order", ML_100K, films, {"alpha": 0.3})
    days = [batch for day in simulated.days(samples, DAYS) for batch in day.to_batches()]
    print_table(f"Simulated, {samples:,} samples", simulated.SCHEMA, days, {})


if __name__ == "__main__":
    main()
