"""What each component of ``wide_deep`` brings and costs: the tables of docs/wide-deep.md.

    python -m updates.learners.experiments.wide_deep [--source open-bandit] [--samples 1000000]

All components learn the first half of a stream. Then, from the same state, the second half is
learned in order by some of them, each row predicted before it is learned. ML-100k in time order,
the file of Open Bandit with most clicks, and 28 days of simulated clicks. Then what it costs that
rare ids are not admitted and old ones expire, all components learning the whole stream.
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
from updates.samples.sources.base import Source
from updates.samples.sources.ml_100k import MovieLens100K
from updates.samples.sources.open_bandit import OpenBandit

DAYS = 28
BATCH = 1_000
ML, BANDIT, SIMULATED = SOURCES = ("ml-100k", "open-bandit", "simulated")
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


KEEPING: tuple[dict[str, Any], ...] = (
    {},
    {"admit_after": 5},
    {"admit_probability": 0.1},
    {"expire_after": 3},
    {"admit_after": 5, "expire_after": 3},
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
    coverage = np.mean([np.nan if r.coverage is None else r.coverage for r in reports])
    return Outcome(_ne(reports, batches), seconds, float(coverage))


def _ne(reports: Sequence[LearnReport], batches: Sequence[pa.RecordBatch]) -> float:
    labels = np.concatenate([batch.column(LABEL).to_numpy() for batch in batches])
    predictions = np.concatenate([report.predictions for report in reports])
    return quality(labels.astype(np.float64), predictions).ne or np.nan


def print_table(
    title: str, schema: SampleSchema, batches: Sequence[pa.RecordBatch], options: dict[str, Any]
) -> None:
    """Markdown, a row as soon as it is there."""
    print(f"\n**{title}**\n\n| learns | NE | CPU s | values with a vector |\n|---|---:|---:|---:|")
    for name, found in outcomes(schema, batches, options):
        coverage = "" if np.isnan(found.coverage) else f"{100 * found.coverage:.1f} %"
        print(f"| {name} | {found.ne:.4f} | {found.cpu_seconds:.2f} | {coverage} |", flush=True)
    print("\n| ids | NE of all samples | CPU s | ids met | vectors at the end |")
    print("|---|---:|---:|---:|---:|")
    for keeping in KEEPING:
        _print_keeping(keeping, WideDeep(schema, {**options, **keeping}), batches)


def _print_keeping(
    keeping: dict[str, Any], learner: WideDeep, batches: Sequence[pa.RecordBatch]
) -> None:
    words = ", ".join(f"`{name}` {value}" for name, value in keeping.items()) or "all"
    began = time.process_time()
    ne = _ne([learner.fit(batches)], batches)
    print(
        f"| {words} | {ne:.4f} | {time.process_time() - began:.2f} "
        f"| {learner.embeddings.seen:,} | {learner.vectors.size:,} |",
        flush=True,
    )


def main() -> None:
    """Print a table a source."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", choices=SOURCES, action="append")
    parser.add_argument("--samples", type=int, default=1_000_000, help="of the simulated stream")
    chosen = parser.parse_args()
    sources, samples = chosen.source or SOURCES, chosen.samples
    if ML in sources:
        films = MovieLens100K()
        print_table("ML-100k in time order", films.schema, recorded(films), {"alpha": 0.3})
    if BANDIT in sources:
        bandit = OpenBandit(campaign="men", behaviour_policy="bts")
        print_table("Open Bandit, bts/men, 69 clicks", bandit.schema, recorded(bandit), {})
    if SIMULATED in sources:
        days = [batch for day in simulated.days(samples, DAYS) for batch in day.to_batches()]
        print_table(f"Simulated, {samples:,} samples", simulated.SCHEMA, days, {})


def recorded(source: Source) -> list[pa.RecordBatch]:
    """In batches of which half can be told."""
    table = pa.Table.from_batches(list(source)).combine_chunks()
    batches: list[pa.RecordBatch] = table.to_batches(max_chunksize=BATCH)
    return batches


if __name__ == "__main__":
    main()
