"""A trainer of recadmin in a process of its own: python train.py SLUG.

It takes each run that the recommender's policies have queued, until it is ended. RECADMIN_URL and
RECADMIN_TOKEN say where recadmin is.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa
from machine import Machine

from recadmin_client import Cancelled, Client, Conflict, TrainingRun, Unreachable

LOOK_SECONDS = 2.0
ROWS_A_STEP = 256


def train(run: TrainingRun, folder: Path) -> None:
    """From the base version's model, where there is one, to the next that is published."""
    model, holdout = Machine(), list(run.holdout())
    base = run.base_model(folder / "base.pt")
    if base:
        model.load(base)
    before = model.predict(holdout) if base else None
    for batch in run.samples():
        learn(run, model, batch)
    scores = model.predict(holdout) or None
    for batch in holdout:  # it has judged, and what is served is to be as fresh as the samples
        learn(run, model, batch)
    model.save(folder / "model.pt")
    done = run.publish(
        folder / "model.pt", predictions=scores, base_predictions=before, holdout_learned=True
    )
    print(f"{done.state}: {done.outcome}", flush=True)


def learn(run: TrainingRun, model: Machine, batch: pa.RecordBatch) -> None:
    """Step by step, and say how far it is."""
    for first in range(0, len(batch), ROWS_A_STEP):
        rows = batch.slice(first, ROWS_A_STEP)
        model.learn(rows)
        run.progress(rows["offset"][-1].as_py() - run.task.first_offset + 1, phase="learning")


def main(slug: str) -> None:
    with Client.from_environment() as client:
        while True:
            try:
                # A claim would also begin a run of its own: here the policies say when.
                if any(client.update_runs(recommender=slug, state="queued")):
                    with client.run(slug) as run, tempfile.TemporaryDirectory() as folder:
                        train(run, Path(folder))
            except (Cancelled, Conflict, Unreachable) as nothing:
                print(nothing, flush=True)
            time.sleep(LOOK_SECONDS)


if __name__ == "__main__":
    main(*sys.argv[1:])
