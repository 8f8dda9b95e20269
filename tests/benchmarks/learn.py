"""FTRL-Proximal, one pass: ours, Vowpal Wabbit's driver and River on the same rows of strings."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pyarrow as pa

from tests.benchmarks.clicks import SCHEMA, Clicks, simulate
from tests.benchmarks.harness import Table, alternate, rates, timed, times_as_fast
from tests.benchmarks.peers import FTRL, Learned, river, vowpal_wabbit
from updates.learners.sparse import ftrl
from updates.learners.sparse.algorithm import Rows
from updates.learners.sparse.linear import SparseLinear
from updates.learners.sparse.model import SparseModel
from updates.metrics import entropy, losses
from updates.samples.encoder import Encoder
from updates.samples.parse import parse_ndjson

PARAMETERS = FTRL()
BATCH_ROWS = 65_536  # as the sample log hands them out
REQUEST_ROWS = (1_000, 10_000)


def tables(
    samples: int = 500_000, river_samples: int = 50_000, repetitions: int = 5
) -> Iterator[Table]:
    """Encoded rows alone; whole path against Vowpal Wabbit; whole path against River."""
    clicks = simulate(samples)
    yield encoded(clicks, repetitions)
    yield against_vowpal_wabbit(clicks, repetitions)
    yield against_river(clicks.first(river_samples), repetitions)


def encoded(clicks: Clicks, repetitions: int) -> Table:
    """Learning encoded rows, into an empty table and into one that knows all keys."""
    encoder = Encoder(SCHEMA)
    batches = [encoder.encode(batch) for batch in clicks.batches(BATCH_ROWS)]
    rows = [Rows(b.indptr, b.keys, b.values, b.labels, b.weights) for b in batches]
    known = SparseModel(ftrl.FTRL, ftrl.Parameters(**asdict(PARAMETERS)))

    def learn(model: SparseModel) -> None:
        for part in rows:
            model.learn(part)

    seconds = alternate(
        {
            "from nothing": timed(
                lambda: learn(SparseModel(ftrl.FTRL, ftrl.Parameters(**asdict(PARAMETERS))))
            ),
            "all keys known": timed(lambda: learn(known)),
        },
        repetitions,
    )
    return Table(
        f"Learn: FTRL on encoded rows of {len(SCHEMA.categorical)} features, one thread",
        [
            {
                "table": name,
                "rows": clicks.table.num_rows,
                "keys": known.table.size,
                "rows/s min / median / max": rates(clicks.table.num_rows, spent),
            }
            for name, spent in seconds.items()
        ],
    )


def against_vowpal_wabbit(clicks: Clicks, repetitions: int) -> Table:
    """The same rows as Arrow in memory, as NDJSON in memory, and as text on disk."""
    with tempfile.TemporaryDirectory() as folder:
        text = Path(folder) / "clicks.vw"
        clicks.write_vw(text)
        small, large = map(clicks.ndjson, REQUEST_ROWS)
        batches = clicks.batches(BATCH_ROWS)
        contenders = {
            "ours, Arrow in memory, one thread": partial(ours, batches, clicks),
            **{
                f"ours, NDJSON, {len(bodies[0].splitlines()):,} rows a body, {words}": partial(
                    learn, bodies, clicks
                )
                for bodies in (small, large)
                for words, learn in (
                    ("one thread", ours_from_ndjson),
                    ("two threads", ours_from_ndjson_beside),
                )
            },
            "vw --ftrl, text file, two threads": partial(vowpal_wabbit, text, PARAMETERS),
        }
        rows = _compare(contenders, clicks, repetitions)
    return Table("Learn: from rows of strings, beside Vowpal Wabbit 9.11", rows, _note(clicks))


def against_river(clicks: Clicks, repetitions: int) -> Table:
    """The same rows as Arrow in memory, and as Python dicts, which is what River takes."""
    dicts, batches = clicks.dicts(), clicks.batches(BATCH_ROWS)
    contenders = {
        "ours, Arrow in memory": partial(ours, batches, clicks),
        "River FTRLProximal, dicts in memory": partial(river, dicts, clicks.labels, PARAMETERS),
    }
    rows = _compare(contenders, clicks, repetitions)
    return Table("Learn: from rows of strings, beside River 0.26", rows, _note(clicks))


def _compare(
    contenders: dict[str, Callable[[], Learned]], clicks: Clicks, repetitions: int
) -> list[dict[str, object]]:
    """A row a contender; ``times as fast`` is ours to the last one's, the peer's."""
    learned: dict[str, Learned] = {}

    def run(name: str) -> float:
        learned[name] = contenders[name]()
        return learned[name].seconds

    seconds = alternate({name: partial(run, name) for name in contenders}, repetitions)
    background = entropy(float(clicks.labels.mean()))
    peer = list(contenders)[-1]
    return [
        {
            "learner": name,
            "rows/s min / median / max": rates(clicks.table.num_rows, seconds[name]),
            "times as fast as the peer": times_as_fast(seconds[name], seconds[peer]),
            "progressive log loss": f"{learned[name].log_loss:.5f}",
            "NE": f"{learned[name].log_loss / background:.5f}",
            "non-zero weights": learned[name].non_zero,
        }
        for name in contenders
    ]


def _note(clicks: Clicks) -> str:
    count, least = clicks.table.num_rows, clicks.least_log_loss
    parameters = ", ".join(f"{name} {value:g}" for name, value in asdict(PARAMETERS).items())
    return f"{count:,} rows; {parameters}; the true model's log loss is {least:.5f}."


def ours(batches: Iterable[pa.RecordBatch], clicks: Clicks) -> Learned:
    """Encode, predict, learn, keep the names."""
    learner = SparseLinear(SCHEMA, asdict(PARAMETERS))
    began = time.perf_counter()
    predictions = learner.fit(batches).predictions
    seconds = time.perf_counter() - began
    log_loss = float(losses(clicks.labels, predictions).mean())
    return Learned(seconds, log_loss, learner.sparsity().non_zero)


def ours_from_ndjson(bodies: Sequence[bytes], clicks: Clicks) -> Learned:
    """Parse bodies of requests, and learn them in the batches that the log makes of them."""
    return ours(_log_batches(parse_ndjson(SCHEMA, body).batch for body in bodies), clicks)


def ours_from_ndjson_beside(bodies: Sequence[bytes], clicks: Clicks) -> Learned:
    """The same with parsing on a thread of its own, as Vowpal Wabbit's driver does."""
    with ThreadPoolExecutor(1) as pool:
        parsed = pool.map(lambda body: parse_ndjson(SCHEMA, body).batch, bodies)
        return ours(_log_batches(parsed), clicks)


def _log_batches(parsed: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Batches of at least BATCH_ROWS rows, but the last."""
    waiting: list[pa.RecordBatch] = []
    for batch in parsed:
        waiting.append(batch)
        if sum(part.num_rows for part in waiting) >= BATCH_ROWS:
            yield pa.concat_batches(waiting)
            waiting = []
    if waiting:
        yield pa.concat_batches(waiting)
