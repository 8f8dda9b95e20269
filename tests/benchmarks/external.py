"""What recadmin costs around a trainer of one's own: the same one bare, pulled and as a command."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from tests.api_client import ApiClient
from tests.benchmarks.clicks import Clicks, simulate
from tests.benchmarks.harness import Table, alternate, spread, timed, times_as_fast
from tests.benchmarks.served import fill, served, update
from tests.conftest import wait_until

APPEND_ROWS = 10_000
PAGE_ROWS = 50_000
# As updates without a policy have it, at most a fifth.
HOLDOUT = 1_000
PROGRAM = [sys.executable, str(Path(__file__).with_name("external_trainer.py"))]
BARE, PULL, COMMAND = "bare, from a file", "pulled by the client", "as a worker's command"
STARTING = "starting and ending"


def tables(sizes: Sequence[int] = (100_000, 1_000_000), repetitions: int = 3) -> Iterator[Table]:
    """For each number of rows: whole seconds of each way, and where they go."""
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder, served(learner="external") as (_, api):
            turns = Turns(api, Path(folder), simulate(size))
            seconds = alternate(turns.ways(), repetitions)
            yield _whole(seconds, size, turns.holdout)
            yield _parts(turns.parts, size)


class Turns:
    """One recommender with the rows in its log, and the same rows in a file.

    parts : of each way, seconds by what they were spent on, a turn after the other.
    """

    def __init__(self, api: ApiClient, folder: Path, clicks: Clicks) -> None:
        self.parts: dict[str, list[dict[str, float]]] = {BARE: [], PULL: [], COMMAND: []}
        self.holdout = min(HOLDOUT, clicks.table.num_rows // 5)
        self._api = api
        self._said = folder / "said.json"
        self._file = folder / "clicks.arrow"
        with pa.ipc.new_stream(self._file, clicks.table.schema) as stream:
            stream.write_table(clicks.table, max_chunksize=PAGE_ROWS)
        fill(api, clicks.batches(APPEND_ROWS))

    def ways(self) -> dict[str, Callable[[], float]]:
        """Each does one whole training, and returns the seconds that it took."""
        return {BARE: self._bare, PULL: self._pull, COMMAND: self._command}

    def _bare(self) -> float:
        return self._turn(BARE, lambda: self._start("bare", str(self._file), str(self.holdout)))

    def _pull(self) -> float:
        self._hand_out_by({"runner": "pull"})
        return self._turn(PULL, lambda: self._start("pull", "clicks"))

    def _command(self) -> float:
        command = [*PROGRAM, str(self._said), "command"]
        self._hand_out_by({"runner": "command", "command": command})
        return self._turn(COMMAND, lambda: update(self._api, "full"))

    def _hand_out_by(self, options: dict[str, object]) -> None:
        self._api.call("PATCH", "recommenders/clicks", {"learner_options": options})

    def _start(self, *arguments: str) -> None:
        token = self._api.headers["Authorization"].removeprefix("Token ")
        told = {"RECADMIN_URL": self._api.url, "RECADMIN_TOKEN": token}
        subprocess.run([*PROGRAM, str(self._said), *arguments], env=os.environ | told, check=True)

    def _turn(self, way: str, work: Callable[[], object]) -> float:
        self._said.unlink(missing_ok=True)
        seconds = timed(work)()
        # A command says it after its last report, with which the update has ended.
        wait_until(self._said.exists, 30)
        parts = json.loads(self._said.read_text())
        self.parts[way].append(parts | {STARTING: seconds - sum(parts.values())})
        return seconds


def _whole(seconds: dict[str, list[float]], size: int, holdout: int) -> Table:
    rows = [
        {
            "way": way,
            "s min / median / max": spread(spent),
            "to bare": times_as_fast(seconds[BARE], spent),
            "s more": statistics.median(
                more - less for more, less in zip(spent, seconds[BARE], strict=True)
            ),
        }
        for way, spent in seconds.items()
    ]
    note = (
        "The same program (FeatureHasher and SGDClassifier of scikit-learn, once through) learns "
        f"all rows but the newest {holdout:,} and predicts those. Bare it reads an Arrow file and "
        "keeps its model; under recadmin it reads over HTTP, uploads and publishes, and is judged. "
        "From the start of its process, or as a command from the request for an update, until the "
        "model is there, or live."
    )
    return Table(f"External trainer, {size:,} rows × 20 strings", rows, note)


def _parts(parts: dict[str, list[dict[str, float]]], size: int) -> Table:
    """Medians, of all turns but the first; what takes no time in any way is left out."""
    names = dict.fromkeys(name for way in (PULL, COMMAND) for turn in parts[way] for name in turn)
    rows = [
        {"seconds on": name}
        | {
            way: round(statistics.median(turn.get(name, 0.0) for turn in turns[1:]), 3)
            for way, turns in parts.items()
        }
        for name in names
    ]
    return Table(f"External trainer, {size:,} rows: where its time goes", rows)
