"""What estimators of learner ``sklearn`` make of ML-100k: the table of docs/sklearn.md.

    python -m updates.learners.experiments.sklearn_estimators

ML-100k in time order: the first 70 % is fitted. The rest is predicted as it is then, and once more
day by day, each day being learned after it was predicted, by estimators that can.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from updates.learners import registry
from updates.learners.base import Learner
from updates.learners.experiments.gbdt_increment import DAY_MS, HISTORY, periods
from updates.metrics import quality
from updates.samples.schema import LABEL
from updates.samples.sources.ml_100k import ML_100K, MovieLens100K

SCALED = {"steps": ["sklearn.preprocessing.MaxAbsScaler"]}
STANDARD = {"features": "rates", "steps": ["sklearn.preprocessing.StandardScaler"]}
VARIANTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("sparse_linear (FTRL), for comparison", "sparse_linear", {"alpha": 0.3, "l1": 1.0}),
    ("SGDClassifier", "sklearn", {}),
    ("SGDClassifier after MaxAbsScaler", "sklearn", SCALED),
    ("SGDClassifier after StandardScaler, rates", "sklearn", STANDARD),
    ("BernoulliNB", "sklearn", {"estimator": "sklearn.naive_bayes.BernoulliNB"}),
    (
        "GaussianNB, rates",
        "sklearn",
        {"estimator": "sklearn.naive_bayes.GaussianNB", "features": "rates"},
    ),
    (
        "HistGradientBoostingClassifier, rates",
        "sklearn",
        {
            "estimator": "sklearn.ensemble.HistGradientBoostingClassifier",
            "features": "rates",
        },
    ),
    (
        "RandomForestClassifier, rates",
        "sklearn",
        {
            "estimator": "sklearn.ensemble.RandomForestClassifier",
            "parameters": {"n_estimators": 50, "min_samples_leaf": 20},
            "features": "rates",
        },
    ),
)


class Outcome(NamedTuple):
    """still, daily : NE without and with learning day by day. seconds : CPU of the fit."""

    still: float | None
    daily: float | None
    seconds: float


def replay(name: str, options: dict[str, Any], table: pa.Table) -> Outcome:
    """Fit the history, then predict the rest."""
    start = int(HISTORY * len(table))
    learner: Learner = registry.get(name)(ML_100K, options)
    began = time.process_time()
    learner.fit(table.slice(0, start).to_batches())
    seconds = time.process_time() - began
    rest = table.slice(start).to_batches()[0]
    labels = rest.column(LABEL).to_numpy()
    still = quality(labels, learner.predict(rest)).ne
    if learner.only_full(options):
        return Outcome(still, None, seconds)
    predictions = []
    for first, stop in periods(table, start, DAY_MS):
        day = rest.slice(first - start, stop - first)
        predictions.append(learner.predict(day))
        learner.learn(day)
    return Outcome(still, quality(labels, np.concatenate(predictions)).ne, seconds)


def main() -> None:
    """Print the table."""
    table = pa.Table.from_batches(list(MovieLens100K())).combine_chunks()
    print("| estimator | NE, never updated | NE, updated daily | CPU s of the fit |")
    print("|---|---:|---:|---:|")
    for label, name, options in VARIANTS:
        found = replay(name, options, table)
        daily = f"{found.daily:.4f}" if found.daily is not None else "full updates only"
        print(f"| {label} | {found.still:.4f} | {daily} | {found.seconds:.1f} |", flush=True)


if __name__ == "__main__":
    main()
