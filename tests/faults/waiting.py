"""Learners that wait where they are told to, so that their worker can be killed at that very point.

They come to the processes as any other package's learners do: by an entry point.
"""

import os
import time
from pathlib import Path

from updates.learners.gbdt_lr.learner import GBDTLR
from updates.learners.sparse.linear import SparseLinear
from updates.learners.wide_deep.learner import WideDeep

FOLDER = "WAITING_LEARNERS"
ENTRY_POINTS = """\
[recadmin.learners]
waiting = tests.faults.waiting:Waiting
waiting_gbdt_lr = tests.faults.waiting:WaitingGBDTLR
waiting_wide_deep = tests.faults.waiting:WaitingWideDeep
"""


def install(folder: Path) -> dict[str, str]:
    """Make the learners known to processes with the environment that is returned."""
    about = folder / "waiting_learner-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: waiting-learner\nVersion: 1\n")
    (about / "entry_points.txt").write_text(ENTRY_POINTS)
    return {"PYTHONPATH": str(folder), FOLDER: str(folder)}


class Waits:
    """Waits in the run's phases, and nowhere else, while it is told to."""

    def fit(self, *args, **kwargs):
        _wait_at("fit")
        return super().fit(*args, **kwargs)

    def learn(self, *args, **kwargs):
        _wait_at("learn")
        return super().learn(*args, **kwargs)

    def is_finite(self):
        _wait_at("evaluate")
        return super().is_finite()

    def save(self, folder):
        super().save(folder)
        _wait_at("save")


class Waiting(Waits, SparseLinear):
    name = "waiting"


class WaitingGBDTLR(Waits, GBDTLR):
    name = "waiting_gbdt_lr"


class WaitingWideDeep(Waits, WideDeep):
    name = "waiting_wide_deep"


def _wait_at(point: str) -> None:
    told, waits = files(Path(os.environ[FOLDER]), point)
    if told.exists():
        waits.touch()
    while told.exists():
        time.sleep(0.005)


def files(folder: Path, point: str) -> tuple[Path, Path]:
    """The file that tells learners to wait at a point, and the one by which they say they do."""
    return folder / point, folder / f"{point}.waits"
