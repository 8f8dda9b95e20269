"""Births and deaths counted, forecasts against the truth, and what-ifs of recorded samples."""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from monitoring.sparsity.forecast import Size, forecast
from monitoring.sparsity.turnover import MOST_DEAD, compare, remembered
from tests.benchmarks.harness import Table
from updates.learners.sparse.linear import SparseLinear
from updates.learners.what_if import replayed
from updates.samples.sources import open_source

HOUR = 3600.0
STEP, VERSIONS = 2_000, 40  # samples between two versions
ADMIT_AFTER, EXPIRE_AFTER = (0, 1, 3, 10), (0, 30, 7)


def tables(keys: int = 1_000_000, seeds: int = 40, source: str = "ml-100k") -> Iterator[Table]:
    """``source``: samples to ask what-ifs of; "" leaves that out."""
    yield _turnover(keys)
    yield _forecasts(seeds)
    if source:
        yield _what_ifs(source)


def _turnover(keys: int) -> Table:
    random = np.random.default_rng(1)
    drawn = random.integers(1, 1 << 63, keys + keys // 20, np.uint64)
    before, now = drawn[:keys], drawn[keys // 20 :]
    dead = random.integers(1, 1 << 63, MOST_DEAD, np.uint64)
    began = time.process_time()
    moved = compare(before, now, dead)
    remembered(dead, moved)
    row = {
        "features": keys,
        "remembered dead": MOST_DEAD,
        "born": len(moved.born),
        "died": len(moved.died),
        "CPU s": time.process_time() - began,
    }
    return Table("Sparsity: births and deaths between two models", [row], "Keys in memory.")


def heaps(exponent: float, seed: int, noise: float) -> tuple[list[Size], int, float]:
    """Sizes of versions whose features are drawn by Zipf's law, each off by log-normal noise; a
    limit half as large again as the newest, and when the curve without noise reaches it."""
    random = np.random.default_rng(seed)
    values = random.zipf(exponent, 8 * VERSIONS * STEP)
    new = np.zeros(len(values), bool)
    new[np.unique(values, return_index=True)[1]] = True
    grown = 16 * np.cumsum(new)
    exact = grown[STEP - 1 : VERSIONS * STEP : STEP]
    seen = exact * np.exp(noise * random.normal(size=VERSIONS))
    sizes = [Size(i * HOUR, i * STEP, int(size)) for i, size in enumerate(seen, 1)]
    limit = int(1.5 * exact[-1])
    return sizes, limit, float(np.searchsorted(grown, limit) / STEP * HOUR)


def _forecasts(seeds: int) -> Table:
    rows = []
    for exponent in (1.3, 1.5, 2.0):
        for noise in (0.0, 0.02):
            held, errors, widths = 0, [], []
            for seed in range(seeds):
                sizes, limit, truth = heaps(exponent, seed, noise)
                found = forecast(sizes, limit)
                assert found and found.reached and found.earliest and found.latest
                ahead = truth - sizes[-1].at
                held += found.earliest <= truth <= found.latest
                errors.append((found.reached - truth) / ahead)
                widths.append((found.latest - found.earliest) / ahead)
            rows.append(
                {
                    "Zipf exponent": exponent,
                    "noise of a version": noise,
                    "mean error": float(np.mean(errors)),
                    "median width of the interval": float(np.median(widths)),
                    "interval holds the truth": held / seeds,
                }
            )
    note = (
        f"{seeds} streams a row, {VERSIONS} versions of {STEP:,} samples each; times as shares of "
        "the time from the newest version until 1.5 times its size is reached."
    )
    return Table("Sparsity: forecasts of when a limit is reached", rows, note)


def _what_ifs(name: str) -> Table:
    source = open_source(name)
    settings = [
        {"admit_after": admit, "expire_after": days}
        for days in EXPIRE_AFTER
        for admit in ADMIT_AFTER
    ]
    learners = [SparseLinear(source.schema, {"alpha": 0.3} | setting) for setting in settings]
    batches = list(source)
    began = time.process_time()
    results = replayed(learners, batches, sum(batch.num_rows for batch in batches) // 2)
    seconds = time.process_time() - began
    present = results[0]
    rows = [
        {
            **setting,
            "NE": f"{result.ne:.4f}",
            "NE paid": f"{result.ne_increase:+.4f} ({result.low:+.4f} to {result.high:+.4f})",
            "keys": result.admitted,
            "served bytes": result.deployed_bytes,
            "saved": f"{1 - result.deployed_bytes / present.deployed_bytes:.1%}",
        }
        for setting, result in zip(settings, results, strict=True)
    ]
    samples = sum(batch.num_rows for batch in batches)
    note = f"{samples:,} samples, the second half judged; {seconds:.1f} s of CPU time for all."
    return Table(f"Sparsity: what-ifs of {source.name}", rows, note)
