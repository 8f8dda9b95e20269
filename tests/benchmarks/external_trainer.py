"""The trainer whose turns ``external`` measures: scikit-learn's SGD on hashed strings.

``python external_trainer.py SAID bare FILE HOLDOUT`` has the rows on its disk, ``SAID pull SLUG``
claims a run, and ``SAID command`` is started with one. SAID gets the seconds by what they were
spent on, as JSON.
"""

import json
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "client"))

import numpy as np
import pyarrow as pa
from scipy.sparse import csr_matrix
from sklearn.feature_extraction import FeatureHasher
from sklearn.linear_model import SGDClassifier

from recadmin_client import Client, TrainingRun
from recadmin_client.transport import Transport

COLUMNS = 1 << 18
# Columns that every page has, beside the fields of the schema.
COMMON = {"offset", "arrived_at", "label", "event_time", "weight"}
# With what is on none of the others.
OWN = "its own housekeeping"
READING, LEARNING, PREDICTING = "reading samples", "learning", "predicting the holdout"
SAVING = "saving the model"
# What a call is for, by the end of its address.
CALLS = {
    "claim": "claim",
    "samples": READING,
    "progress": "reporting",
    "artifact": "upload",
    "publish": "publish and gate",
}


class Clock:
    """Seconds of this process's main thread, each booked on one thing."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._on, self._since = OWN, time.perf_counter()

    @contextmanager
    def on(self, what: str) -> Iterator[None]:
        """Inside it is that, afterwards again what it was before."""
        before = self._turn(what)
        try:
            yield
        finally:
            self._turn(before)

    def reading(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The batches; the time to get each is reading."""
        waiting = iter(batches)
        while True:
            with self.on(READING):
                batch = next(waiting, None)
            if batch is None:
                return
            yield batch

    def watch_calls(self) -> None:
        """Book what calls of the server take."""
        call = Transport.call

        def watched(self_: Transport, method: str, path: str, **given: object) -> object:
            if threading.current_thread() is not threading.main_thread():
                return call(self_, method, path, **given)
            with self.on(CALLS[path.rpartition("/")[2]]):
                return call(self_, method, path, **given)

        Transport.call = watched

    def _turn(self, what: str) -> str:
        now = time.perf_counter()
        self.seconds[self._on] += now - self._since
        before, self._on, self._since = self._on, what, now
        return before


class Model:
    """Logistic regression over hashed values, learned once through."""

    def __init__(self) -> None:
        self._hash = FeatureHasher(COLUMNS, input_type="string").transform
        self._sgd = SGDClassifier(
            loss="log_loss", learning_rate="constant", eta0=0.05, random_state=0
        )

    def learn(self, batch: pa.RecordBatch) -> None:
        self._sgd.partial_fit(self._matrix(batch), batch["label"].to_numpy(), classes=[0, 1])

    def predict(self, batch: pa.RecordBatch) -> list[float]:
        return self._sgd.predict_proba(self._matrix(batch))[:, 1].tolist()

    def save(self, path: Path) -> None:
        np.savez(path, coefficients=self._sgd.coef_, intercept=self._sgd.intercept_)

    def _matrix(self, batch: pa.RecordBatch) -> csr_matrix:
        fields = [name for name in batch.schema.names if name not in COMMON]
        named = ([f"{name}={v}" for v in batch[name].to_pylist()] for name in fields)
        return self._hash(zip(*named, strict=True))


def bare(clock: Clock, folder: Path, file: str, holdout: str) -> None:
    """The newest so many rows of the file are predicted, those before learned."""
    with clock.on(READING):
        rows = pa.ipc.open_stream(file).read_all()
        cut = len(rows) - int(holdout)
        older, newest = rows[:cut].to_batches(), rows[cut:].to_batches()
    model = Model()
    _train(clock, model, older, newest)
    with clock.on(SAVING):
        model.save(folder / "model.npz")


def with_run(clock: Clock, folder: Path, run: TrainingRun) -> None:
    """As the documentation of the client has it."""
    model = Model()
    scores = _train(clock, model, run.samples(), run.holdout(), run)
    with clock.on(SAVING):
        model.save(folder / "model.npz")
    run.publish(folder / "model.npz", predictions=scores)


def _train(
    clock: Clock,
    model: Model,
    samples: Iterable[pa.RecordBatch],
    holdout: Iterable[pa.RecordBatch],
    run: TrainingRun | None = None,
) -> list[float]:
    for batch in clock.reading(samples):
        with clock.on(LEARNING):
            model.learn(batch)
        if run:
            run.progress(batch["offset"][-1].as_py(), run.task.next_offset)
    scores = []
    for batch in clock.reading(holdout):
        with clock.on(PREDICTING):
            scores += model.predict(batch)
    return scores


def main(said: str, how: str, *rest: str) -> None:
    clock = Clock()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if how == "bare":
            bare(clock, folder, *rest)
        else:
            clock.watch_calls()
            with (
                Client.from_environment() as client,
                client.run(*rest, strategy="full")
                if how == "pull"
                else client.run_from_environment() as run,
            ):
                with_run(clock, folder, run)
    written = Path(f"{said}.new")
    written.write_text(json.dumps(clock.seconds))
    written.rename(said)


if __name__ == "__main__":
    main(*sys.argv[1:])
