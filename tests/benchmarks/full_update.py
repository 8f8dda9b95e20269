"""A full update of ``gbdt`` end to end, beside bare LightGBM with the same parameters."""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.benchmarks.full_update_process import STRICT, STRINGS, UPDATE, Sizes
from tests.benchmarks.harness import Table, spread, times_as_fast
from tests.stack import Stack


def tables(
    samples: int = 500_000, trees: int = 100, repetitions: int = 5, holdout: int = 10_000
) -> Iterator[Table]:
    """Seconds of an update, of LightGBM given our features, of LightGBM from the same Parquet."""
    measured = _measure(Sizes(samples, trees, repetitions, holdout))
    yield _seconds(measured, samples, trees, holdout)
    yield _phases(measured["phases"])


def _measure(sizes: Sizes) -> dict[str, Any]:
    """All contenders take turns in one process, which has a database and a Valkey of its own."""
    with tempfile.TemporaryDirectory() as folder, Stack(Path(folder), names=("valkey",)) as stack:
        arguments = map(str, asdict(sizes).values())
        output = stack.python("-m", "tests.benchmarks.full_update_process", *arguments)
    measured: dict[str, Any] = json.loads(output.splitlines()[-1])
    return measured


def _seconds(measured: dict[str, Any], samples: int, trees: int, holdout: int) -> Table:
    seconds, ne = measured["seconds"], measured["ne"]
    rows = [
        {
            "what": name,
            "s min / median / max": spread(spent),
            "update's seconds to these": 1 / times_as_fast(seconds[UPDATE], spent),
            f"NE on the newest {holdout:,}": f"{ne[name]:.4f}",
        }
        for name, spent in seconds.items()
    ]
    note = (
        f"{samples:,} rows × 20 strings, {trees} trees, equal parameters, two threads. The update "
        f"reads the Parquet log, makes features, trains, judges, learns the newest {holdout:,} too "
        f"and publishes. “{STRICT}” is given the update's feature matrix ready-made; “{STRINGS}” "
        "reads the same Parquet, takes dictionary codes as LightGBM's categorical features, and "
        "only trains."
    )
    return Table("Full update of boosted trees", rows, note)


def _phases(phases: list[dict[str, float]]) -> Table:
    total = statistics.median(sum(spent.values()) for spent in phases)
    rows = []
    for name in phases[0]:
        median = statistics.median(spent[name] for spent in phases)
        rows.append({"phase": name, "s median": median, "share": f"{median / total:.0%}"})
    return Table("Full update: where its time goes", rows)
